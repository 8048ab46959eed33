"""Fingerprint and manifest of raw files."""

import hashlib
import os
import shutil

import emopain_files as made
import pytest

from keras_pain.corpora import emopain, manifest
from keras_pain.corpora.base import CORPORA, get_corpus
from keras_pain.errors import KerasPainError


@pytest.fixture
def root(tmp_path):
    for number in (1, 2, 3):
        path = tmp_path / "raw" / f"challenge2020/train/P{number}D.mat"
        made.save(path, made.challenge(frames=10 + number))
    return tmp_path / "raw"


def found(root):
    return emopain.find_files(root, "challenge2020")


def test_fingerprint_is_what_it_says(tmp_path):
    for name in ("b.mat", "a.mat"):
        (tmp_path / name).write_text(name * 3)
    lines = "".join(
        f"{n}\t15\t{hashlib.sha256(n.encode() * 3).hexdigest()}\n"
        for n in ("a.mat", "b.mat")
    )
    expected = hashlib.sha256(lines.encode()).hexdigest()
    files = [tmp_path / "b.mat", tmp_path / "a.mat"]
    assert manifest.fingerprint(tmp_path, files) == expected


def test_an_empty_folder_counts_as_nothing(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "x.png").write_text("x")
    before = manifest.fingerprint(tmp_path, folders)
    (folders[0] / "y.png").write_text("y")
    assert manifest.fingerprint(tmp_path, folders) != before


def test_fingerprint_does_not_depend_on_the_folder_named(root):
    inner = root / "challenge2020"
    one = manifest.fingerprint(root, found(root))
    assert one == manifest.fingerprint(inner, found(inner))
    moved = root.rename(root.with_name("elsewhere"))
    assert one == manifest.fingerprint(moved, found(moved)[::-1])
    (moved / "challenge2020/train/P1D.mat").write_bytes(b"other")
    assert one != manifest.fingerprint(moved, found(moved))


def test_write_and_verify(root):
    assert manifest.verify_manifest(root, found(root)) is None
    expected = manifest.write_manifest(root, found(root))
    path = root / "challenge2020" / "keras_pain_manifest.csv"
    header, first, *_ = path.read_text().splitlines()
    assert header == "path,size,sha256"
    size = (root / "challenge2020/train/P1D.mat").stat().st_size
    assert first.startswith(f"train/P1D.mat,{size},")
    assert manifest.fingerprint(root, found(root)) == expected
    assert manifest.verify_manifest(root, found(root)) == expected
    text = "\r\n\r\n".join(path.read_text().splitlines())  # as Excel saves it
    path.write_bytes(text.encode("utf-8-sig"))
    assert manifest.verify_manifest(root, found(root)) == expected
    # The manifest beside the files is none of them.
    assert len(found(root / "challenge2020")) == 3


def differs(root):
    with pytest.raises(KerasPainError) as caught:
        manifest.verify_manifest(root, found(root))
    line = str(caught.value)
    assert "\n" not in line and "--write_manifest" in line
    return line


def test_the_first_change_or_new_file_is_named(root):
    manifest.write_manifest(root, found(root))
    third = root / "challenge2020/train/P3D.mat"
    whole = third.read_bytes()
    third.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert f"{third}: has other contents" in differs(root)
    third.write_bytes(whole + b"x")
    assert f"{third}: has {len(whole) + 1} bytes, not" in differs(root)
    second = root / "challenge2020/train/P2D.mat"
    moved = second.rename(root / "challenge2020/train/P9D.mat")
    assert f"{second}: is in the manifest but not on disk" in differs(root)
    manifest.write_manifest(root, found(root))
    shutil.copy(moved, second)
    assert f"{second}: is on disk but not in the manifest" in differs(root)


@pytest.mark.parametrize(
    "text",
    ["", "path,size\na,1\n", "path,size,sha256\na,b,c\n", "\0\n", "x" * 140000],
)
def test_a_broken_manifest(root, text):
    manifest.write_manifest(root, found(root))
    path = manifest.manifest_path(root, found(root))
    path.write_text(text)
    assert f"{path}: is no manifest" in differs(root)


def test_a_failed_write_leaves_the_old_manifest(root, monkeypatch):
    manifest.write_manifest(root, found(root))
    path = manifest.manifest_path(root, found(root))
    before = path.read_text()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(KerasPainError, match="No space left"):
        manifest.write_manifest(root, found(root))
    assert path.read_text() == before
    names = sorted(p.name for p in path.parent.iterdir())
    assert names == [path.name, "train"]


def test_hidden_files_are_no_part_of_a_folder(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    before = manifest.content_hash(tmp_path, ".csv")
    (tmp_path / ".a.tmp-host-1-01234567.csv").write_text("y")
    assert manifest.content_hash(tmp_path, ".csv") == before
    (tmp_path / "a.csv").write_text("y")
    assert manifest.content_hash(tmp_path, ".csv") != before


@pytest.mark.parametrize("name", ["emopain", "pemf"])
def test_a_layout_that_is_none_gets_one_line(name, tmp_path):
    with pytest.raises(KerasPainError, match="layout must be one of"):
        get_corpus(name).find_files(tmp_path, "nonsense")


def test_registry_names_modules_with_the_interface():
    for name in CORPORA:
        corpus = get_corpus(name)
        for member in ("LAYOUTS", "detect_layout", "find_files", "read_file"):
            assert hasattr(corpus, member), f"{name} has no {member}"
