"""Finding EmoPain files, and streaming through them."""

import shutil

import emopain_files as made
import pytest

from keras_pain.corpora import emopain
from keras_pain.corpora.files import read_corpus
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError

WHERE = {
    "fame": "randomised P/P33_D.mat",
    "coordinates": "train/P113D.mat",
    "challenge2020": "train/P113D.mat",
}


def test_detect_each_layout(tmp_path):
    makers = {
        "fame": made.fame,
        "coordinates": made.coordinates,
        "challenge2020": made.challenge,
    }
    for layout, maker in makers.items():
        path = tmp_path / "own" / f"some {layout}" / WHERE[layout]
        made.save(path, maker())
        assert emopain.detect_layout(path.parents[1]) == layout
        made.save(tmp_path / "one" / layout / layout / WHERE[layout], maker())
        assert emopain.detect_layout(tmp_path / "one" / layout) == layout
        made.save(tmp_path / "all" / layout / WHERE[layout], maker())
    assert emopain.find_layouts(tmp_path / "all") == list(makers)
    with pytest.raises(KerasPainError) as caught:
        emopain.detect_layout(tmp_path / "all")
    assert "(fame, coordinates, challenge2020)" in str(caught.value)
    assert "--layout" in str(caught.value)
    for layout in makers:
        (raw_file,) = emopain.find_files(tmp_path / "all", layout)
        assert raw_file.relative == WHERE[layout]
        assert raw_file.root == tmp_path / "all" / layout


def test_detection_passes_over_bad_files(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "C1D.mat").write_text("no matrix")
    with pytest.raises(KerasPainError, match="cannot tell .* C1D.mat is text"):
        emopain.detect_layout(tmp_path)
    made.save(tmp_path / "train" / "C2D.mat", made.challenge()[:, :10])
    made.save(tmp_path / "train" / "P9D.mat", made.challenge())
    assert emopain.detect_layout(tmp_path) == "challenge2020"


def test_folders_without_emopain(tmp_path):
    def message(folder):
        with pytest.raises(KerasPainError) as caught:
            emopain.detect_layout(folder)
        assert "--manual_dir" in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such folder" in message(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "is empty" in message(tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    assert "is a file" in message(tmp_path / "file")
    (tmp_path / "faces" / "neutral").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "faces" / "neutral" / f"{number}.jpg").write_text("x")
    line = message(tmp_path / "faces")
    assert "looked for fame" in line
    assert "found 3 .jpg files in folders 'neutral'" in line
    with pytest.raises(KerasPainError, match="no files of layout fame"):
        emopain.find_files(tmp_path / "faces", "fame")


def test_names(tmp_path):
    for where in (
        "randomised C/C2_N.mat",
        "randomised C/C10_D.MAT",
        "randomised C/P5_N.mat",
        "randomised P/P33_D.mat",
        "randomised P/p33_d.Mat",
        "randomised P/notes.mat",
        "randomised P/._P33_D.mat",
        "randomised P/P33_D.txt",
        "P7_N.mat",
    ):
        path = tmp_path / where
        path.parent.mkdir(exist_ok=True)
        path.touch()
    files = emopain.find_files(tmp_path, "fame")
    refusals = {f.relative: f.refusal and f.refusal[0] for f in files}
    assert refusals == {
        "randomised C/C2_N.mat": None,
        "randomised C/C10_D.MAT": None,
        "randomised C/P5_N.mat": "wrong_folder",
        "randomised P/P33_D.mat": None,
        "randomised P/p33_d.Mat": "duplicate",
        "randomised P/notes.mat": "unknown_name",
        "P7_N.mat": "misplaced",
    }
    order = [f.name for f in files if f.refusal is None]
    assert order == ["C2_N", "C10_D", "P33_D"]


def test_duplicate_and_shared_participants(tmp_path):
    for where in ("train/P1D.mat", "train/P2D.mat", "validation/P2N.mat"):
        made.save(tmp_path / where, made.challenge())
    files = emopain.find_files(tmp_path, "challenge2020")
    noted = [emopain.read_file(f)[1][0].rule for f in files[1:]]
    assert noted == ["participant_in_two_splits"] * 2
    shutil.copy(tmp_path / "train/P1D.mat", tmp_path / "validation/P1_D.mat")
    with pytest.raises(BadFileError) as caught:
        list(read_corpus(emopain, tmp_path, "challenge2020"))
    line = str(caught.value)
    assert "second recording of participant P1, difficulty D" in line
    assert "beside train/P1D.mat" in line


def test_read_corpus_streams_and_skips(tmp_path):
    for number in (1, 2, 3):
        made.save(tmp_path / f"train/P{number}D.mat", made.challenge())
    (tmp_path / "train/P2D.mat").write_bytes(b"")
    stream = read_corpus("emopain", tmp_path, on_bad_file="skip")
    recording, report = next(stream)
    assert (recording.name, report.frames, report.seconds) == ("P1D", 120, 2.0)
    assert report.protective == pytest.approx(1 / 12)
    (tmp_path / "train/P3D.mat").unlink()  # not read yet: nothing is held
    recording, report = next(stream)
    assert recording is None and report.refused
    detail = report.to_dict()["findings"][0]["detail"]
    assert detail.startswith("is empty (0 bytes); copy it again")
    assert next(stream)[1].refused
    with pytest.raises(StopIteration):
        next(stream)
    stream = read_corpus("emopain", tmp_path)
    next(stream)
    with pytest.raises(BadFileError, match="P2D.mat: is empty"):
        next(stream)


def test_read_corpus_with_nothing_good(tmp_path):
    (tmp_path / "train").mkdir()
    for number in (1, 2):
        (tmp_path / f"train/P{number}D.mat").write_bytes(b"")
    arguments = ("emopain", tmp_path, "coordinates", "skip")
    with pytest.raises(KerasPainError, match="all 2 files were refused"):
        list(read_corpus(*arguments))


def test_read_corpus_refuses_at_the_call(tmp_path):
    with pytest.raises(ConfigurationError, match="fail or skip"):
        read_corpus("emopain", tmp_path, on_bad_file="ignore")
    with pytest.raises(ConfigurationError, match="no layout of this corpus"):
        read_corpus("emopain", tmp_path, "vicon")
    with pytest.raises(ConfigurationError, match="no corpus is called"):
        read_corpus("nobody", tmp_path)
