"""The keras-pain command."""

import ast
import json
import os
import pathlib
import re
import sys
import types

import emopain_files as made
import pytest
from conftest import ROOT
from scripts import run_python

import keras_pain
from keras_pain import __version__, cli
from keras_pain.corpora.base import CORPORA
from keras_pain.corpora.manifest import MANIFEST
from keras_pain.errors import BadFileError, exit_code, expanded


def run(*argv):
    return cli.main([str(argument) for argument in argv])


@pytest.fixture
def raw(tmp_path):
    """A folder with three layouts of two people."""
    root = tmp_path / "raw"
    for layout, maker, names in (
        ("fame", made.fame, ("randomised C/C1_N", "randomised P/P2_D")),
        ("coordinates", made.coordinates, ("train/C1N", "validation/P2D")),
        ("challenge2020", made.challenge, ("train/C1N", "validation/P2D")),
    ):
        for name in names:
            made.save(root / layout / f"{name}.mat", maker())
    return root


def lines(text):
    return text.strip().splitlines()


def test_version_and_help(capsys):
    for argv, words in (
        (["--version"], __version__),
        (["--help"], "simulate"),
        (["check", "--help"], "--write_manifest"),
        (["simulate", "--help"], "--with_test"),
    ):
        with pytest.raises(SystemExit) as caught:
            run(*argv)
        assert caught.value.code == 0
        assert words in capsys.readouterr().out


def test_start_imports_nothing_slow():
    code = (
        "import sys; from keras_pain import cli; cli.build_parser(); "
        "print([m for m in ('numpy', 'scipy', 'h5py', 'rich', 'tensorflow') "
        "if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("argv", [[], ["walk"], ["check", "emopain"]])
def test_wrong_usage(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*argv)
    assert caught.value.code == 2
    assert "usage: keras-pain" in capsys.readouterr().err


def test_check_one_layout(raw, capsys):
    assert run("check", "emopain", "--manual_dir", raw / "fame") == 0
    out = capsys.readouterr().out
    (row,) = [line for line in lines(out) if "P2_D.mat" in line]
    for words in ("P2", "patient", "120", "2.0", "8.3", "nan_first_energy"):
        assert words in row
    assert "stored_angles" not in out  # in order, so not worth a line
    last = lines(out)[-1]
    assert "2 files: 2 read, 0 refused" in last
    assert "2 people (1 patients, 1 healthy)" in last
    assert "240 frames" in last and "manifest absent" in last
    assert "SIMULATED" not in last


def test_both_spellings_of_a_flag(raw, capsys):
    for flag in ("--manual_dir", "--manual-dir"):
        assert run("check", "emopain", flag, raw, "--layout=fame") == 0
        assert run("check", "emopain", f"{flag}={raw}", "--layout", "fame") == 0
    assert cli._with_underscores("--on-bad-file=a-b") == "--on_bad_file=a-b"
    assert cli._with_underscores("some-folder") == "some-folder"
    capsys.readouterr()


def test_check_goes_through_every_layout(raw, tmp_path, capsys):
    report = tmp_path / "report.json"
    argv = ("check", "emopain", "--manual_dir", raw, "--json", report)
    assert run(*argv, "--write_manifest") == 0
    out = capsys.readouterr().out
    layouts = ("fame", "coordinates", "challenge2020")
    for layout in layouts:
        assert f"emopain / {layout}" in out
        assert (raw / layout / MANIFEST).exists()
    assert not (raw / MANIFEST).exists()
    checks = json.loads(report.read_text())
    assert [c["layout"] for c in checks] == list(layouts)
    for entry in checks:
        assert entry["manifest"] == "written"
        assert len(entry["fingerprint"]) == 64
        assert entry["counts"]["patients"] == entry["counts"]["healthy"] == 1
        assert [file["frames"] for file in entry["files"]] == [120, 120]
    rules = [f["rule"] for f in checks[0]["files"][0]["findings"]]
    assert "stored_angles" in rules  # the report has all of them


def test_check_verifies_the_manifest(raw, capsys):
    argv = ("check", "emopain", "--manual_dir", raw / "fame")
    assert run(*argv, "--write_manifest") == 0
    assert run(*argv) == 0
    assert "manifest verified" in capsys.readouterr().out
    changed = raw / "fame" / "randomised P" / "P2_D.mat"
    made.save(changed, made.fame(130))
    assert run(*argv) == 1
    captured = capsys.readouterr()
    assert "manifest differs" in captured.out
    assert lines(captured.err)[-1].startswith(f"keras-pain: {changed}: has ")
    assert run(*argv, "--write_manifest") == 0


def test_check_lists_a_refused_file(raw, capsys):
    (raw / "fame" / "randomised P" / "P2_D.mat").write_text("no matrix")
    argv = ("check", "emopain", "--manual_dir", raw, "--layout=fame")
    assert run(*argv) == 1
    captured = capsys.readouterr()
    assert "refused unreadable: is text, not a MATLAB file" in captured.out
    assert "1 read, 1 refused" in captured.out
    assert captured.err == ""
    assert run(*argv, "--on_bad_file=fail") == 1
    (line,) = lines(capsys.readouterr().err)
    assert "P2_D.mat: is text" in line and "take the .mat file" in line


def test_check_when_every_file_is_refused(raw, capsys):
    for path in (raw / "fame").rglob("*.mat"):
        path.write_bytes(b"")
    argv = ("check", "emopain", "--manual_dir", raw, "--layout=fame")
    assert run(*argv) == 1
    captured = capsys.readouterr()
    assert "0 read, 2 refused" in captured.out
    assert "all 2 files were refused" in captured.err


def test_json_on_stdout_is_nothing_else(raw, capsys):
    assert run("check", "emopain", "--manual_dir", raw, "--json", "-") == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_challenge_columns(raw, capsys):
    argv = ("check", "emopain", "--manual_dir", raw, "--layout=challenge2020")
    flag = "--challenge_columns=exercise=none,pain=none,protective=32"
    assert run(*argv, flag) == 0
    assert "no column for exercise, pain" in capsys.readouterr().out
    assert run(*argv, "--challenge_columns=x=1") == 1
    assert "cannot read 'x=1'" in capsys.readouterr().err


def test_user_errors_are_one_line(raw, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for argv, words in (
        (["--manual_dir", tmp_path / "nowhere"], "no such folder"),
        (["--manual_dir", tmp_path / "empty"], "the folder is empty"),
        (["--manual_dir", raw, "--layout=vicon"], "layout must be one of"),
        (["--manual_dir", raw / "fame", "--layout=coordinates"], "looked for"),
        (
            ["--manual_dir", raw, "--json", tmp_path / "no" / "x.json"],
            "cannot be written",
        ),
    ):
        assert run("check", "emopain", *argv) == 1
        (line,) = lines(capsys.readouterr().err)
        assert line.startswith("keras-pain: ") and words in line


def test_folder_of_another_corpus_is_named(tmp_path, monkeypatch, capsys):
    other = types.ModuleType("other_corpus")
    other.detect_layout = lambda root: "any"
    monkeypatch.setitem(sys.modules, "other_corpus", other)
    monkeypatch.setitem(CORPORA, "ui_prmd", "other_corpus")
    (tmp_path / "m01_s01_positions.txt").write_text("1,2")
    assert run("check", "emopain", "--manual_dir", tmp_path) == 1
    (line,) = lines(capsys.readouterr().err)
    assert "1 .txt files" in line
    assert "looks like the corpus ui_prmd" in line


def test_models_prints_the_registry(monkeypatch, capsys):
    summary = types.ModuleType("keras_pain.models.summary")
    summary.print_registry = lambda file=None: print("the models")
    monkeypatch.setitem(sys.modules, "keras_pain.models.summary", summary)
    assert run("models") == 0
    assert capsys.readouterr().out == "the models\n"


def test_simulate_checks_its_layout_and_corpus(tmp_path, capsys):
    argv = ("simulate", "emopain", "--out", tmp_path)
    assert run(*argv, "--layout=vicon") == 1
    assert "has the layouts fame, coordinates" in capsys.readouterr().err
    assert run("simulate", "ui_prmd", "--out", tmp_path) == 1
    assert "has no simulator" in capsys.readouterr().err


def test_simulate_then_check(tmp_path, capsys):
    out = tmp_path / "raw"
    argv = ("simulate", "emopain", "--out", out, "--subjects=4")
    assert run(*argv, "--layout=challenge2020") == 0
    assert "SIMULATED files" in capsys.readouterr().out
    assert run("check", "emopain", "--manual-dir", out) == 0
    captured = capsys.readouterr()
    assert "SIMULATED: " in captured.out and "0 refused" in captured.out


def test_a_misspelt_corpus_is_one_line(tmp_path, capsys):
    for argv in (("check", "--manual_dir"), ("simulate", "--out")):
        assert run(argv[0], "emopian", argv[1], tmp_path) == 1
        (line,) = lines(capsys.readouterr().err)
        assert "'emopian'" in line and all(name in line for name in CORPORA)


def test_home_folders_are_found_in_every_flag(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("csv:~/x") == f"csv:{tmp_path}/x"
    assert expanded("C:/a~b") == "C:/a~b"
    argv = ("simulate", "pemf", "--out=~/simu", "--subjects=2", "--frames=3")
    assert run(*argv, "--size=64x64", "--jobs=1") == 0
    assert (tmp_path / "simu" / "pemf").is_dir()
    assert str(tmp_path) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a\nb [x] [/b] \u00fc", 300 * "n"])
def test_names_that_no_file_has_are_one_line(name, tmp_path, capsys):
    for argv in (
        ("check", "emopain", "--manual_dir", tmp_path / name),
        ("explain", tmp_path / name),
        ("simulate", "emopain", "--out", f"/proc/{name}"),
    ):
        assert run(*argv) == 1
        (line,) = lines(capsys.readouterr().err)
        assert line.startswith("keras-pain: ")
    assert exit_code(lambda: pathlib.Path(300 * "n").stat(), "error") == 1
    assert "File name too long; give" in capsys.readouterr().err


def test_a_network_is_loaded_without_other_imports(tmp_path):
    """Its layers are the suite's own; what is no network is one line."""
    code = (
        "import keras_pain, os, sys; assert 'keras' not in sys.modules; "
        "print(keras_pain.load_model(os.environ['SAVED']).name)"
    )
    saved = ROOT / "tests" / "golden" / "saved" / "lsfan.keras"
    environment = {**os.environ, "SAVED": str(saved)}
    assert run_python(code, env=environment) == "lsfan\n"
    (tmp_path / "cut.keras").write_bytes(saved.read_bytes()[:2000])
    (tmp_path / "text.keras").write_text("no network", "utf-8")
    for name in ("cut.keras", "text.keras", "none.keras"):
        with pytest.raises(BadFileError, match="cannot be loaded as a net"):
            keras_pain.load_model(tmp_path / name)


def test_every_text_file_is_opened_with_an_encoding():
    """Else a user's locale decides."""
    folders = "keras_pain reproduce tools tfds_builders benchmarks".split()
    for path in (p for f in folders for p in (ROOT / f).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            call = ast.unparse(node)
            of, _, name = ast.unparse(node.func).rpartition(".")
            # `read_text` alone is that of keras_pain.io.
            if name == "open" or (of and name in ("read_text", "write_text")):
                binary = of in ("os", "Image", "archive") or re.search(
                    r"'[rwax+]*b[+]?'", call
                )
                said = "encoding=" in call or "utf-8" in call
                assert binary or said, f"{path}: {call}"
