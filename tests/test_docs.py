"""The site, and what stands beside it: links, examples, metadata."""

import doctest
import importlib
import json
import re
import subprocess
import sys
import urllib.parse

import mlcroissant
import pytest
import yaml
from conftest import ROOT

import keras_pain
from keras_pain.corpora.base import CORPORA

sys.path.append(str(ROOT / "docs"))

REFERENCE = sorted((ROOT / "docs" / "reference").glob("[!i]*.md"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
PAGES += [*(ROOT / "docs/corpora").glob("*.md"), *REFERENCE]
# Made by docs/generate.py when the site is built, from these.
GENERATED = {"tables": "reproduce/{}.py", "models": "keras_pain/models/{}.py"}


@pytest.mark.parametrize("page", REFERENCE, ids=lambda path: path.stem)
def test_examples_of_the_reference_run(page, tmp_path, monkeypatch):
    """Every function has one that calls it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    text = page.read_text("utf-8")
    parts = re.split(r"(?m)^\.\. auto\w+:: ", text)[1:]
    for part in parts:
        module, _, name = part.split("\n")[0].rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert found.__doc__, name
        called = name if not isinstance(found, type) else "predict"
        lines = re.findall(r"(?m)^(?:>>>|\.\.\.) .*", part)
        assert any(f"{called}(" in line for line in lines), name
    text = re.sub(r"(?m)^```.*$", "", text)
    test = doctest.DocTestParser().get_doctest(text, {}, page.stem, None, 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    assert runner.run(test).failed == 0 and test.examples


def broken(page):
    """Relative links of a page to what is not there."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path = urllib.parse.unquote(link.partition("#")[0])
        if not path or urllib.parse.urlsplit(link).scheme:
            continue
        target = (page.parent / path).resolve()
        source = GENERATED.get(target.parent.name)
        if source and target.parent.parent.name == "docs":
            target = ROOT / source.format(target.stem)
        if not target.exists():
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert not list(broken(page))


def test_a_broken_link_is_seen(tmp_path):
    (tmp_path / "page.md").write_text("[a](there.md) [b](https://x.y) [c](#d)")
    assert list(broken(tmp_path / "page.md")) == ["there.md"]


def test_every_script_has_a_page_that_says_what_it_declares():
    generate = importlib.import_module("generate")
    found = generate.scripts()
    names = {path.stem for path in (ROOT / "reproduce").glob("*.py")}
    assert set(found) == names - set(generate.NOT_TABLES)
    for name, declared in found.items():
        text = generate.table_page(name, *declared, [])
        assert f"reproduce/{name}.py" in text
        for experiment in declared[1][:1]:
            for note in experiment.table.notes:
                assert note in text
    page = generate.table_page(
        "table1_protective", *found["table1_protective"], []
    )
    assert "**unsaid**" in page and "| 0.4636 |" in page
    assert generate.measured(r"table9_pemf\.py")


def test_readme_is_short_and_names_every_table():
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split()) < 1000
    for path in (ROOT / "reproduce").glob("*.py"):
        assert path.stem == "figure_simulated_bend" or path.stem in text


@pytest.mark.parametrize("name", CORPORA)
def test_croissant_is_valid_and_that_of_the_builder(name):
    croissant = importlib.import_module("tfds_builders.croissant")
    path = croissant.FOLDER / name / croissant.FILE
    stored = json.loads(path.read_text("utf-8"))
    cure = "run python -m tfds_builders.croissant"
    assert stored == json.loads(json.dumps(croissant.croissant(name))), cure
    found = mlcroissant.Dataset(jsonld=stored).metadata
    assert not found.ctx.issues.errors
    assert stored["conditionsOfAccess"] and found.record_sets
    restricted = name in ("emopain", "unbc_mcmaster", "biovid", "folder")
    assert stored["isAccessibleForFree"] != restricted


def test_citation_file():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    found = yaml.safe_load(text)
    assert {"cff-version", "message", "title", "authors"} <= set(found)
    assert found["version"] == keras_pain.__version__
    assert found["license"] in (ROOT / "setup.cfg").read_text("utf-8")
    for reference in found["references"]:
        assert {"type", "title", "authors"} <= set(reference)
    cited = " ".join(r["title"] for r in found["references"])
    for system in ("ALANet", "L3D", "L-SFAN", "spatio-temporal", "AACSFNet"):
        assert system in cited


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", "-C", folder, *who, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_a_change_without_a_line_in_the_changelog_fails(tmp_path):
    def gate(folder=tmp_path):
        command = [sys.executable, ROOT / "tools" / "changelog.py", folder]
        return subprocess.run(command, capture_output=True, text=True)

    def commit(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_md", ".md")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", "x")

    head, old = "# Changelog\n\n## Unreleased\n\n- a\n", "\n## 0.1\n\n- b\n"
    git(tmp_path, "init", "-q")
    commit(CHANGELOG_md=head + old, keras__pain="1")
    (tmp_path / "keras_pain").mkdir()
    commit(keras_pain__a="1", CHANGELOG_md=head + "- c\n" + old)
    assert gate().returncode == 0
    commit(other="1")
    assert gate().returncode == 0
    commit(keras_pain__a="2")
    failed = gate()
    assert failed.returncode == 1 and "keras_pain/a" in failed.stderr
    commit(CHANGELOG_md=head + "- c\n" + old + "- not under it\n")
    assert gate().returncode == 1
    commit(CHANGELOG_md=head + "- c\n- d\n" + old)
    assert gate().returncode == 0
    shallow = tmp_path / "shallow"
    clone = ("clone", "-q", "--depth=1", f"file://{tmp_path}", shallow)
    git(tmp_path, *clone)
    assert gate(shallow).returncode == 0
