"""BioVid Part A: folders, the owners' list, mp4 files, simulator."""

import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from keras_pain.corpora import biovid
from keras_pain.corpora.base import read_corpus
from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.media import write_mp4
from keras_pain.corpora.unbc_mcmaster.reader import pspi
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.simulate import simulate
from keras_pain.simulate.biovid import draw_people as cast
from keras_pain.simulate.biovid import motion_of as perform

ANNA, BERND = "071309_w_21", "071313_m_41"


def pictures(frames=138, grey=False, dark=()):
    """A bright square that wanders over a coloured ground."""
    for index in range(frames):
        picture = np.full((24, 32, 3), (180, 140, 90), np.uint8)
        picture[8:16, 4 + index % 16 : 12 + index % 16] = (30, 60, 200)
        if grey:
            picture[:] = picture[..., :1]
        if index in dark:
            picture[:] = 2
        yield picture


@pytest.fixture
def part_a(tmp_path):
    """Two people, a clip of each of two classes, and a list that agrees."""
    base = tmp_path / "PartA"
    names = [
        f"{subject}-{label}"
        for subject in (ANNA, BERND)
        for label in ("BL1-081", "PA4-006")
    ]
    for name in names:
        add_clip(base, name)
    write_list(base, names)
    return base


def add_clip(base, name, folder="video", frames=138, ending=".mp4", **options):
    path = base / folder / name.split("-")[0] / f"{name}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = path.with_name("drawn.mp4")
    return write_mp4(drawn, pictures(frames, **options), 25).rename(path)


def write_list(base, names, separator="\t"):
    rows = [facts.SAMPLES_COLUMNS]
    for name in names:
        subject, label, _ = name.split("-")
        level = str(facts.CLASSES.index(label))
        rows.append(("1", subject, level, label, "1", name))
    path = base.joinpath(*facts.SAMPLES)
    path.parent.mkdir(exist_ok=True)
    text = "\n".join(separator.join(row) for row in rows) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def rules(findings):
    return sorted(f.rule for f in findings if f.action != "checked")


def find_rules(root):
    return {f.name: rules(f.findings) for f in biovid.find_files(root)}


def test_people_and_classes_are_those_of_the_corpus():
    assert len(set(facts.SUBJECTS)) == 87
    assert list(facts.SUBJECTS) == sorted(facts.SUBJECTS)
    numbers = [facts.SUBJECTS.index(s) + 1 for s in facts.LOW_EXPRESSIVE]
    assert numbers == [
        *(27, 28, 32, 33, 34, 35, 36, 39, 40, 41, 42, 44, 51, 53, 55, 56),
        *(61, 64, 74, 87),
    ]


def test_clips_are_found_with_class_and_subject_of_their_names(part_a):
    files = biovid.find_files(part_a.parent)
    assert [f.name for f in files] == [
        f"{ANNA}-BL1-081",
        f"{ANNA}-PA4-006",
        f"{BERND}-BL1-081",
        f"{BERND}-PA4-006",
    ]
    assert [f.info["level"] for f in files] == [0, 4, 0, 4]
    assert {f.subject_id for f in files} == {ANNA, BERND}
    assert {f.root for f in files} == {part_a}
    assert files[0].relative == f"video/{ANNA}/{ANNA}-BL1-081.mp4"
    assert biovid.detect_layout(part_a) == "part_a"
    path = part_a / "biosignals_filtered" / ANNA / f"{ANNA}-BL1-081_bio.csv"
    path.parent.mkdir(parents=True)
    path.write_text("time\tgsr\n0\t1.0\n")
    assert not any(rules(f.findings) for f in files)
    assert not any(find_rules(part_a).values())


def test_nested_folders_other_case_and_stray_files_are_read_and_said(part_a):
    (part_a / "video").rename(part_a / "inner")
    (part_a / "Video").mkdir()
    (part_a / "inner").rename(part_a / "Video" / "video")
    add_clip(part_a, f"{BERND}-pa3-001", "Video/video", ending=".MP4")
    (part_a / "Video" / ".DS_Store").write_bytes(b"x")
    (part_a / "Video" / "video" / ANNA / "notes.txt").write_text("x")
    found = find_rules(part_a)
    first = f"{ANNA}-BL1-081"
    assert found[first] == ["nested_folder", "stray_files"]
    assert f"{BERND}-PA3-001" in found
    nested, stray = biovid.find_files(part_a)[0].findings
    assert "5 clips" in stray.detail + nested.detail
    assert "notes.txt" in stray.detail + nested.detail


def test_a_clip_that_is_there_twice_is_read_once(part_a):
    add_clip(part_a, f"{ANNA}-PA4-006", "video/video")
    files = biovid.find_files(part_a)
    twice = next(f for f in files if f.name == f"{ANNA}-PA4-006")
    assert len(files) == 4
    assert twice.relative == f"video/{ANNA}/{ANNA}-PA4-006.mp4"
    (finding,) = twice.findings
    assert finding.rule == "duplicate"
    assert f"video/video/{ANNA}" in finding.detail


def test_names_that_say_no_class_are_refused(part_a):
    add_clip(part_a, f"{ANNA}-PA7-001")
    add_clip(part_a, "holiday")
    files = {f.name: f for f in biovid.find_files(part_a)}
    with pytest.raises(BadFileError, match="PA7 is no class of Part A"):
        biovid.read_file(files[f"{ANNA}-PA7-001"])
    with pytest.raises(BadFileError, match="its name is not <subject>"):
        biovid.read_file(files["holiday"])


def test_the_name_is_believed_against_the_folder(part_a):
    path = part_a / "video" / ANNA / f"{ANNA}-PA4-006.mp4"
    shutil.move(path, part_a / "video" / BERND)
    file = biovid.find_files(part_a)[1]
    assert file.subject_id == ANNA
    assert rules(file.findings) == ["subject_against_folder"]


def test_people_outside_the_list_are_kept_and_said_once(part_a):
    for name in ("999999_w_30-BL1-081", "999999_w_30-PA1-001"):
        add_clip(part_a, name)
    found = find_rules(part_a)
    assert found["999999_w_30-BL1-081"] == ["not_in_samples", "unknown_subject"]
    assert found["999999_w_30-PA1-001"] == ["not_in_samples"]


def test_a_folder_without_clips_is_described(tmp_path):
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "x.avi").write_bytes(b"x")
    with pytest.raises(KerasPainError, match="no BioVid clips.*1 .avi"):
        biovid.detect_layout(tmp_path)


def test_list_that_disagrees_with_the_files_is_reported(part_a):
    other = "071614_m_20"
    write_list(
        part_a,
        [
            f"{ANNA}-BL1-081",
            f"{ANNA}-PA4-006",
            f"{ANNA}-PA1-001",
            f"{BERND}-BL1-081",
            f"{other}-PA2-001",
        ],
    )
    path = part_a.joinpath(*facts.SAMPLES)
    text = path.read_text().replace("4\tPA4", "3\tPA3", 1)
    path.write_text(text)
    found = find_rules(part_a)
    assert found == {
        f"{ANNA}-BL1-081": ["missing_clips", "missing_subjects"],
        f"{ANNA}-PA4-006": ["class_against_samples"],
        f"{BERND}-BL1-081": [],
        f"{BERND}-PA4-006": ["not_in_samples"],
    }
    details = " ".join(
        finding.detail
        for file in biovid.find_files(part_a)
        for finding in file.findings
    )
    assert f"{ANNA}-PA1-001" in details
    assert other in details
    assert "says PA3 (3)" in details
    assert biovid.find_files(part_a)[1].info["level"] == 4


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "no_samples"),
        ("", "bad_samples"),
        ("subject\tclass\n1\t2\n", "bad_samples"),
        ("\t".join(facts.SAMPLES_COLUMNS) + '\n1\t"x\n1\n', "bad_samples"),
        (
            "\t".join(facts.SAMPLES_COLUMNS) + "\n" + "x" * 200_000,
            "bad_samples",
        ),
    ],
)
def test_list_that_cannot_be_used_is_reported_once(part_a, content, rule):
    path = part_a.joinpath(*facts.SAMPLES)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    assert sum(find_rules(part_a).values(), []) == [rule]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_list_as_notepad_saves_it_is_read(part_a, encoding):
    path = part_a.joinpath(*facts.SAMPLES)
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n\r\n")
    path.write_bytes(text.encode(encoding))
    assert sum(find_rules(part_a).values(), []) == []


def test_list_with_semicolons_and_gaps_is_read(part_a):
    names = [f.name for f in biovid.find_files(part_a)]
    path = write_list(part_a, names, separator=";")
    with path.open("a") as stream:
        stream.write("1;071309_w_21;;\n")
    assert sum(find_rules(part_a).values(), []) == ["samples_format"] * 2


def read(base, name):
    (file,) = (f for f in biovid.find_files(base) if f.name == name)
    return biovid.read_file(file)


def test_recording_holds_the_level_and_decodes_all_frames(part_a):
    recording, findings = read(part_a, f"{ANNA}-PA4-006")
    assert rules(findings) == []
    assert recording.labels == {"level": 4.0}
    assert recording.frame_rate == 25.0
    assert recording.num_frames == 138
    assert not recording.simulated
    assert recording.landmarks is None
    frames = recording.frames()
    assert len(frames) == 138
    assert frames[0].shape == (24, 32, 3)
    assert frames[0].dtype == np.uint8
    # RGB, not OpenCV's BGR.
    np.testing.assert_allclose(frames[0][2, 2], (180, 140, 90), atol=12)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        *((n, ["frame_count"]) for n in (137, 139)),
        *((n, ["unusual_frame_count"]) for n in (60, 150)),
    ],
)
def test_other_frame_counts_are_reported(part_a, frames, expected):
    add_clip(part_a, f"{ANNA}-PA4-006", frames=frames)
    recording, findings = read(part_a, f"{ANNA}-PA4-006")
    assert rules(findings) == expected
    assert recording.num_frames == len(recording.frames()) == frames


def test_grey_and_dark_pictures_are_noted(part_a):
    name = f"{ANNA}-PA4-006"
    add_clip(part_a, name, grey=True)
    recording, findings = read(part_a, name)
    assert rules(findings) == ["grey"]
    assert recording.frames()[0].shape == (24, 32, 3)
    add_clip(part_a, name, dark=(0, 1, 2))
    _, findings = read(part_a, name)
    assert rules(findings) == ["dark_frames"]
    assert "3 of 138" in findings[0].detail


def test_a_clip_of_one_frame_is_refused_in_one_line(part_a):
    add_clip(part_a, f"{ANNA}-PA4-006", frames=1)
    with pytest.raises(BadFileError, match="has 1 frame") as caught:
        read(part_a, f"{ANNA}-PA4-006")
    assert caught.value.rule == "too_few_frames"
    assert "\n" not in str(caught.value)


def cut_end(data):
    return data[: len(data) // 2]


def index_first_then_cut(data):
    """As files for the web are laid out: the index before the pictures."""
    start = data.index(b"moov") - 4
    return data[:28] + data[start:] + data[28 : start - 500]


def index_first(data):
    """With places that fit, and pictures that go to the end of the file."""
    start = data.index(b"moov") - 4
    index, place = data[start:], data.index(b"stco") + 12 - start
    (chunk,) = struct.unpack_from(">I", index, place)
    moved = struct.pack(">I", chunk + len(index))
    index = index[:place] + moved + index[place + 4 :]
    return data[:36] + index + bytes(4) + data[40:start]


def blank_middle(data):
    return data[:800] + bytes(len(data) - 4000) + data[-3200:]


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (cut_end, "truncated"),
        (index_first_then_cut, "truncated"),
        (lambda data: index_first(data)[:-2000], "truncated"),
        (lambda data: b"", "empty"),
        (lambda data: b"<html>no such file</html>", "not_mp4"),
        (lambda data: data.replace(b"vide", b"soun"), "undecodable"),
        (blank_middle, "damaged"),
    ],
)
def test_damaged_videos_are_refused_in_one_line(part_a, capfd, spoil, rule):
    name = f"{ANNA}-PA4-006"
    path = part_a / "video" / ANNA / f"{name}.mp4"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BadFileError) as caught:
        read(part_a, name)
    assert caught.value.rule == rule
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert capfd.readouterr().err == ""  # FFmpeg does not chatter


def other_codec(data):
    return data.replace(b"mp4v", b"av01").replace(b"esds", b"free")


def test_an_unknown_codec_is_named(part_a, capfd):
    name = f"{ANNA}-PA4-006"
    path = part_a / "video" / ANNA / f"{name}.mp4"
    path.write_bytes(other_codec(path.read_bytes()))
    words = "is coded as AV1, which this OpenCV cannot decode; convert it to H"
    with pytest.raises(BadFileError, match=words) as caught:
        read(part_a, name)
    assert caught.value.rule == "codec"
    assert capfd.readouterr().err == ""


def more_by_index(data):
    place = data.index(b"stts") + 12
    return data[:place] + (4000).to_bytes(4, "big") + data[place + 4 :]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda data: data + b"\xf3abcxyzw" * 9, "container"),
        (lambda data: data + bytes(1000), "container"),
        (lambda data: data + b"\x3f\0\0\0freexx", "container"),
        (more_by_index, "promised_frames"),
        (index_first, None),
    ],
)
def test_what_can_be_decoded_decides(part_a, change, rule):
    name = f"{ANNA}-PA4-006"
    path = part_a / "video" / ANNA / f"{name}.mp4"
    path.write_bytes(change(path.read_bytes()))
    recording, findings = read(part_a, name)
    assert rules(findings) == [rule] * (rule is not None)
    assert len(recording) == len(recording.frames()) == 138


def test_another_kind_of_video_is_to_be_converted(part_a):
    path = part_a / "video" / ANNA / f"{ANNA}-PA4-006.mp4"
    for head in (
        b"RIFF\0\0\1\0AVI LIST",
        b"\x1aE\xdf\xa3\x93B\x82\x88",
        bytes(8),
    ):
        path.write_bytes(head + path.read_bytes())
        with pytest.raises(BadFileError, match="convert it to mp4") as caught:
            read(part_a, f"{ANNA}-PA4-006")
        assert caught.value.rule == "not_mp4"


READ_ALL = """
import os
from keras_pain.corpora import biovid, media
for root in os.listdir():
    recording, _ = biovid.read_file(biovid.find_files(root)[0])
    path = os.path.join(root, "again.mp4")
    media.write_mp4(path, recording.frames(), 25)
    print(len(media.read_frames(path)))
"""


def test_folders_may_have_any_name(part_a, tmp_path):
    """FFmpeg takes `x:` for a protocol; OpenCV crashes on what is not UTF-8."""
    names = b"set1:a", b"M\xf6", "Mö".encode(), b"plain"
    for name in map(os.fsdecode, names):
        shutil.copytree(part_a, tmp_path / "raw" / name / part_a.name)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL],
        cwd=tmp_path / "raw",
        env=os.environ | {"PYTHONPATH": str(ROOT)} | ascii_only,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split() == [b"138"] * len(names)


def test_a_bad_clip_does_not_end_the_reading_of_the_others(part_a):
    path = part_a / "video" / ANNA / f"{ANNA}-PA4-006.mp4"
    path.write_bytes(cut_end(path.read_bytes()))
    reports = [r for _, r in read_corpus(biovid, part_a, on_bad_file="skip")]
    assert [r.refused for r in reports] == [False, True, False, False]
    assert [r.frames for r in reports] == [138, 0, 138, 138]
    assert reports[0].seconds == pytest.approx(5.52)
    with pytest.raises(BadFileError, match="cut off"):
        list(read_corpus(biovid, part_a))


def test_cast_is_reproducible_and_holds_some_who_hardly_show_pain():
    people = cast(9, seed=3)
    assert people == cast(9, seed=3)
    assert people != cast(9, seed=4)
    low = [p for p in people if p.name in facts.LOW_EXPRESSIVE]
    assert len(low) == 2
    assert max(p.expressiveness for p in low) < 0.5
    assert len(cast(87, seed=0)) == 87


def test_what_is_seen_grows_with_the_level_and_the_person():
    def seen(person, level):
        peaks = [
            pspi(perform(person, level, number, 40).units).max()
            for number in range(6)
        ]
        return np.mean(peaks)

    people = cast(20, seed=1)
    low = [p for p in people if p.name in facts.LOW_EXPRESSIVE]
    high = [p for p in people if p not in low]
    for person in high:
        levels = [seen(person, level) for level in (0, 2, 3, 4)]
        assert levels == sorted(levels)
        assert levels[-1] > levels[0] + 5
    strongest = [np.mean([seen(p, 4) for p in group]) for group in (low, high)]
    assert strongest[0] < 0.5 * strongest[1]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    out = tmp_path_factory.mktemp("raw")
    options = {"subjects": 2, "clips": 1, "frames": 4, "size": (64, 86)}
    paths = simulate("biovid", out, jobs=1, progress=False, **options)
    return out, paths, options


def test_simulator_writes_the_owners_tree(simulated):
    out, paths, _ = simulated
    files = biovid.find_files(out)
    assert [f.path for f in files] == sorted(paths)
    assert len(files) == 2 * 5
    assert not any(rules(f.findings) for f in files)  # samples.csv agrees
    assert files[0].root == out / "biovid" / "PartA"
    for file in files:
        number = int(file.name.rsplit("-", 1)[1])
        assert (number > 4) == (file.info["level"] == 0)  # baselines last
    note = (out / "biovid" / "PartA" / "SIMULATED.txt").read_text()
    assert note.startswith("SIMULATED")
