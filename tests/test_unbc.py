"""UNBC-McMaster: folders, labels, reader, simulator, bad input."""

import collections
import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_pain import cli
from keras_pain.corpora import unbc_mcmaster as unbc
from keras_pain.corpora.base import Findings, read_corpus
from keras_pain.corpora.check import check_layout
from keras_pain.corpora.media import read_still
from keras_pain.corpora.unbc_mcmaster.layout import CODED_UNITS
from keras_pain.corpora.unbc_mcmaster.reader import check_points, pspi
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.simulate import simulate

FRAMES = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two subjects, three sequences, 64 x 48 pixels; not to be changed."""
    out = tmp_path_factory.mktemp("unbc")
    simulate(
        "unbc_mcmaster",
        *(out,),
        subjects=2,
        sequences=3,
        frames=FRAMES,
        size=(48, 64),
        jobs=1,
        progress=False,
    )
    return out / "unbc_mcmaster"


@pytest.fixture
def root(made, tmp_path):
    """A copy of one sequence, to be spoiled."""
    path = unbc.find_files(made)[0].path
    part = tmp_path / "raw"
    (part / "Images").mkdir(parents=True)
    person = path.parent.name
    shutil.copytree(path, part / "Images" / person / path.name)
    for tree in ("Frame_Labels/PSPI", "Frame_Labels/FACS", "AAM_landmarks"):
        shutil.copytree(
            made / tree / person / path.name, part / tree / person / path.name
        )
    for scale in ("AFF", "OPR", "SEN", "VAS"):
        target = part / "Sequence_Labels" / scale / person
        target.mkdir(parents=True)
        labels = made / "Sequence_Labels/Sequence_Labels" / scale / person
        shutil.copy(labels / f"{path.name}.txt", target)
    return part


def read(root, **options):
    (raw_file,) = unbc.find_files(root)
    recording, findings = unbc.read_file(raw_file, **options)
    return recording, {finding.rule: finding for finding in findings}


def label(root, tree, number):
    suffix = "aam" if tree.startswith("AAM") else "facs"
    (path,) = root.glob(f"{tree}/*/*/*{number:03d}_{suffix}.txt")
    return path


def image(root, number):
    (path,) = root.glob(f"Images/*/*/*{number:03d}.png")
    return path


def refusal(root, **options):
    with pytest.raises(BadFileError) as caught:
        read(root, **options)
    return caught.value


def test_recording_has_what_the_files_say(root):
    recording, findings = read(root)
    count = len(recording)
    assert count == recording.num_frames >= 4
    frames = recording.frames()
    assert len(frames) == count
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert frames[0].dtype == np.uint8
    bgr = cv2.imread(str(image(root, 1)))
    np.testing.assert_array_equal(frames[0], bgr[..., ::-1])
    assert set(recording.labels) == {"vas", "opr", "aff", "sen"}
    text = next(root.glob("Sequence_Labels/VAS/*/*.txt")).read_text()
    assert recording.labels["vas"] == float(text)
    scores = recording.frame_labels["pspi"]
    assert scores.shape == (count,) and scores.dtype == np.float32
    text = label(root, "Frame_Labels/PSPI", 2).read_text()
    assert scores[1] == float(text)
    assert recording.frame_labels["aus"].shape == (count, 10)
    assert recording.landmarks.shape == (count, 66, 2)
    first = np.loadtxt(label(root, "AAM_landmarks", 1))
    np.testing.assert_allclose(recording.landmarks[0], first, rtol=1e-6)
    assert recording.group == "patient" and recording.frame_rate is None
    assert findings["pspi"].action == "checked"
    assert set(findings) == {"pspi"} and not recording.simulated


def test_simulation_keeps_its_own_rules(made):
    recordings = [r for r, _ in read_corpus("unbc_mcmaster", made)]
    assert len(recordings) == 3
    assert len({r.subject_id for r in recordings}) == 2
    for recording in recordings:
        assert recording.simulated and recording.subject_id in unbc.SUBJECTS
        columns = recording.frame_labels["aus"].T
        units = dict(zip(CODED_UNITS, columns, strict=True))
        np.testing.assert_array_equal(
            recording.frame_labels["pspi"], pspi(units)
        )
        for scale, (low, high) in unbc.SCALES.items():
            assert low <= recording.labels[scale] <= high
        points = recording.landmarks
        assert (points > 0).all() and (points < (64, 48)).all()


def test_reports_follow_pain_and_most_frames_show_none():
    from keras_pain.simulate import unbc_mcmaster as made

    cast, felt, perform = made.draw_people, made.pains_of, made.motion_of
    sequence_names = made.sequence_names
    scores, vas, peaks = [], [], []
    for person in cast(12, seed=0):
        names = sequence_names(person, 5)
        assert len(set(names)) == 5
        for name, pain in zip(names, felt(person, 5), strict=True):
            acted = perform(person, name, pain, 60)
            scores.append(acted.pspi)
            vas.append(acted.scales["vas"])
            peaks.append(acted.pspi.max())
    assert 0.75 < (np.concatenate(scores) == 0).mean() < 0.9
    assert 0.9 < np.corrcoef(vas, peaks)[0, 1] < 0.999
    assert max(peaks) >= 10 and set(vas) >= {0.0, 5.0, 9.0}


def test_full_scale_is_the_archives():
    from keras_pain.simulate import unbc_mcmaster

    people = unbc_mcmaster.draw_people(25, 0)
    assert tuple(person.name for person in people) == unbc.SUBJECTS
    counts = unbc_mcmaster._counts(people, unbc_mcmaster.SEQUENCES["full"])
    assert sum(counts) == 200
    assert counts[unbc.SUBJECTS.index("059-fn059")] == 2


def test_doubled_folders_other_case_and_strays_are_read_and_said(root):
    expected, _ = read(root)
    for tree in ("Images", "AAM_landmarks", "Frame_Labels"):
        (root / tree).rename(root / "x")
        (root / tree).mkdir()
        (root / "x").rename(root / tree / tree)
    (root / "Sequence_Labels").rename(root / "sequence_labels")
    (root / "sequence_labels/VAS").rename(root / "sequence_labels/vas")
    (root / "Images/Images/.DS_Store").write_bytes(b"x")
    next(root.glob("Images/Images/*/*")).joinpath("Thumbs.db").write_bytes(b"x")
    recording, findings = read(root)
    assert recording.labels == expected.labels
    np.testing.assert_array_equal(
        recording.frame_labels["pspi"], expected.frame_labels["pspi"]
    )
    assert "Images/Images" in findings["doubled_folder"].detail
    assert "Frame_Labels/Frame_Labels" in findings["doubled_folder"].detail
    assert "vas for VAS" in findings["other_case"].detail
    assert ".DS_Store" in findings["stray_files"].detail
    assert "Thumbs.db" in findings["stray_files"].detail


def test_a_folder_that_links_to_itself_is_not_doubled(root):
    expected, _ = read(root)
    (root / "Images/Images").symlink_to(root / "Images")
    recording, findings = read(root)
    assert len(recording) == len(expected)
    assert "doubled_folder" not in findings


def test_found_from_the_folder_or_its_parent(made, tmp_path):
    assert unbc.detect_layout(made) == unbc.detect_layout(made.parent)
    names = [file.name for file in unbc.find_files(made.parent)]
    assert names == [file.name for file in unbc.find_files(made)]
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(KerasPainError, match="no UNBC-McMaster sequences"):
        unbc.detect_layout(tmp_path)


def test_names_that_do_not_fit(root):
    (sequence,) = root.glob("Images/*/*")
    home = root / "Images" / "200-ab200"
    for name in ("holiday", "ab200t1aaaff", "zz999t1aaaff"):
        shutil.copytree(sequence, home / name)
        for path in (home / name).iterdir():
            path.rename(str(path).replace(sequence.name, name))
    files = {file.name: file for file in unbc.find_files(root)}
    assert len(files) == 4
    refused = {n: file.refusal[0] for n, file in files.items() if file.refusal}
    assert refused == {
        "200-ab200 holiday": "unknown_name",
        "200-ab200 zz999t1aaaff": "subject_against_folder",
    }
    kept = files["ab200t1aaaff"]
    assert kept.subject_id == "200-ab200"
    assert "unknown_subject" in {finding.rule for finding in kept.findings}


def test_a_sequence_is_its_person_s_whoever_s_folder_it_lies_in(root):
    expected, _ = read(root)
    (person,) = (root / "Images").iterdir()
    other = next(s for s in unbc.SUBJECTS if s != person.name)
    for tree in ("Images", "Frame_Labels/PSPI"):  # other labels stay
        (root / tree / person.name).rename(root / tree / other)
    recording, findings = read(root)
    assert recording.subject_id == person.name
    assert recording.labels == expected.labels
    for name, values in expected.frame_labels.items():
        np.testing.assert_array_equal(recording.frame_labels[name], values)
    np.testing.assert_array_equal(recording.landmarks, expected.landmarks)
    assert other in findings["subject_against_folder"].detail
    # The same sequence once more, where it should be.
    shutil.copytree(root / "Images" / other, person)
    _, findings = read(root)
    assert other in findings["duplicate"].detail
    assert "subject_against_folder" not in findings
    (file,) = unbc.find_files(root)
    assert file.path.parent == person


def test_a_second_file_of_a_frame_is_said(root):
    expected, _ = read(root)
    first, score = image(root, 2), label(root, "Frame_Labels/PSPI", 3)
    jpeg = first.with_suffix(".jpg")
    Image.new("RGB", (64, 48)).save(jpeg)
    shutil.copy(score, score.with_suffix(".TXT"))
    recording, findings = read(root)
    assert not recording.frames()[1].any()  # first by name, as before
    detail = findings["duplicate_files"].detail
    assert first.name in detail and score.name in detail
    assert len(recording) == len(expected)


def test_absent_label_trees_leave_labels_unknown(root):
    for tree in ("Frame_Labels", "AAM_landmarks", "Sequence_Labels"):
        shutil.rmtree(root / tree)
    recording, findings = read(root)
    assert np.isnan(recording.frame_labels["pspi"]).all()
    assert np.isnan(recording.landmarks).all()
    assert np.isnan(list(recording.labels.values())).all()
    assert {"missing_folder", "missing_labels", "missing_scale"} <= set(
        findings
    )


def test_frames_missing_in_the_middle_keep_their_labels(root):
    expected, _ = read(root)
    image(root, 2).unlink()
    recording, findings = read(root)
    assert len(recording.frames()) == len(expected) - 1
    np.testing.assert_array_equal(
        recording.landmarks, np.delete(expected.landmarks, 1, axis=0)
    )
    assert "frames missing: 2" in findings["missing_frames"].detail
    assert "frame: 2" in findings["labels_without_frame"].detail


def test_grey_four_channel_and_dark_pictures(root):
    first = cv2.imread(str(image(root, 1)))
    opaque = np.dstack([first, np.full(first.shape[:2], 200, np.uint8)])
    cv2.imwrite(str(image(root, 1)), opaque)
    cv2.imwrite(str(image(root, 2)), first[..., 0])
    recording, findings = read(root)
    frames = recording.frames()
    np.testing.assert_array_equal(frames[0], first[..., ::-1])
    assert frames[1].shape == first.shape
    assert findings["channels"].action == "repaired"
    (raw_file,) = unbc.find_files(root)
    details = [
        finding.detail
        for finding in unbc.read_file(raw_file)[1]
        if finding.rule == "channels"
    ]
    assert len(details) == 2 and "RGBA" in " ".join(details)
    cv2.imwrite(str(image(root, 3)), np.full((48, 64, 3), 4, np.uint8))
    recording, findings = read(root)
    assert "1 of" in findings["dark_frames"].detail
    assert len(recording.frames()) == len(recording)


def test_pictures_keep_their_values_or_say_how_they_were_scaled(root):
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (48, 64, 3), np.uint8)
    deep = rng.integers(0, 65536, (48, 64), np.uint16)
    palette = Image.fromarray(colours).quantize(64)
    bits = Image.fromarray(colours).convert("1")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    for picture, options, expected, said in (
        (palette, {}, palette.convert("RGB"), "P, read"),
        (bits, {}, bits.convert("RGB"), "1, read"),
        (deep, {}, np.stack([deep >> 8] * 3, -1), "by the upper 8"),
        (colours, {"exif": exif}, colours[::-1, ::-1], "turned upright"),
        (colours, {}, colours, ""),
    ):
        if isinstance(picture, np.ndarray):
            picture = Image.fromarray(picture)
        picture.save(image(root, 1), **options)
        ways = collections.Counter()
        pixels = read_still(image(root, 1), ways)
        np.testing.assert_array_equal(pixels, np.asarray(expected))
        assert said in "".join(ways) and bool(said) == bool(ways)


@pytest.mark.parametrize("channels", [1, 3])
def test_black_pictures_of_16_bits_are_sound_and_dark_ones_of_8_not(
    root, channels
):
    path, pixels = image(root, 1), np.zeros((48, 64, channels), np.uint16)
    cv2.imwrite(str(path), pixels)
    assert not read_still(path).any()
    pixels[5, 5] = 200  # 8 bits that were stored as 16
    cv2.imwrite(str(path), pixels)
    with pytest.raises(BadFileError, match="the highest without use"):
        read_still(path)


def huge(path):
    """A PNG of 60000 x 60000 pixels and hardly more than its head."""
    head = b"IHDR" + struct.pack(">II5B", 60000, 60000, 1, 0, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", crc)
        for chunk in (head, b"IDAT" + zlib.compress(bytes(9)))
        for crc in [zlib.crc32(chunk)]
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def deep(value, *kinds):
    """Writes a PNG of 16 bits, of this value but for a black corner."""
    values = np.full((48, 64), value, np.uint16)
    values[0, 0] = 0
    for kind in kinds:
        values = cv2.cvtColor(values, kind)
    return lambda path: cv2.imwrite(str(path), values)


def flip(path):
    """Changes a byte of the pixels of a PNG."""
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 500] ^= 255
    path.write_bytes(data)


def test_dark_pictures_of_16_bits_are_read_where_nothing_is_lost(root):
    path = image(root, 1)
    for kinds in ((), (cv2.COLOR_GRAY2BGR,), (cv2.COLOR_GRAY2BGRA,)):
        deep(0, *kinds)(path)
        assert not read_still(path).any()
    deep(4000)(path)
    data, chunk = path.read_bytes(), b"sBIT\x10"
    stated = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:33] + stated + data[33:])
    assert read_still(path).max() == 4000 >> 8


def picture_of(mode, kind=None, **options):
    def save(path):
        made = Image.linear_gradient("L").crop((0, 0, 64, 48)).convert(mode)
        made.save(path, kind, **options)

    return save


@pytest.mark.parametrize(
    ("save", "rule"),
    [
        (picture_of("CMYK", "JPEG"), "colour"),
        (picture_of("F", "TIFF"), "colour"),
        (picture_of("I", "TIFF"), "colour"),
        (picture_of("RGB", transparency=(9, 9, 9)), "colour"),
        (
            picture_of(
                "P", save_all=True, append_images=[Image.new("P", (64, 48))]
            ),
            "colour",
        ),
        (deep(4000), "colour"),  # 12 bits, as 16
        (deep(16000), "colour"),
        (deep(200, cv2.COLOR_GRAY2BGR), "colour"),
        (flip, "undecodable"),
        (lambda path: Image.new("1", (9000, 9000)).save(path), "too_large"),
        (huge, "too_large"),
    ],
)
def test_pictures_that_would_be_flattened_are_refused(root, save, rule):
    save(image(root, 2))
    error = refusal(root)
    assert (error.path, error.rule) == (str(image(root, 2)), rule)
    assert "\n" not in str(error)


@pytest.mark.parametrize("keep", [0, 60, 0.5])
def test_truncated_pictures_are_refused_by_name(root, keep):
    path = image(root, 2)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    error = refusal(root)
    assert error.path == str(path)
    assert error.rule == ("truncated" if keep else "empty")
    recording, _ = read(root, look_at_frames=False)
    with pytest.raises(BadFileError, match=path.name):
        recording.frames()


def test_check_names_the_bad_file_of_a_sequence(root, capsys):
    def detail():
        (report,) = check_layout(unbc, root, "archive").reports
        return report.findings[0].detail

    picture, score = image(root, 2), label(root, "Frame_Labels/PSPI", 3)
    sound = picture.read_bytes()
    picture.write_bytes(sound[:60])
    assert detail().startswith(f"{picture.name}: is cut off; ")
    assert cli.main(["check", "unbc_mcmaster", "--manual_dir", str(root)]) == 1
    assert picture.name in capsys.readouterr().out
    picture.write_bytes(sound)
    score.write_text("99")
    # Files of several trees have the same name.
    place = score.relative_to(root).as_posix()
    assert detail().startswith(f"{place}: holds 99, not 0 to 16; ")


def test_one_frame_or_none_is_refused(root):
    paths = sorted(root.glob("Images/*/*/*.png"))
    for path in paths[1:]:
        path.unlink()
    assert refusal(root).rule == "too_few_frames"
    paths[0].unlink()
    assert refusal(root).rule == "no_pictures"


def test_pspi_that_the_action_units_contradict_is_reported(root):
    label(root, "Frame_Labels/FACS", 2).write_text(
        "  4.0000000e+00 3.0000000e+00 0 0\n 4.3000000e+01 1.0 0 0\n"
    )
    label(root, "Frame_Labels/PSPI", 2).write_text("7.0\n")
    recording, findings = read(root)
    detail = findings["pspi_disagrees"].detail
    assert "frame 2 with 7 against 4" in detail
    assert recording.frame_labels["pspi"][1] == 7  # the file is believed


def test_action_units_in_two_or_four_columns(root):
    path = label(root, "Frame_Labels/FACS", 1)
    path.write_text("4 2\n50 1\n")
    recording, findings = read(root)
    assert recording.frame_labels["aus"][0, 0] == 2
    assert "50" in findings["other_units"].detail
    # FACS has a unit 0, and nobody said how strong the further ones may be.
    path.write_text("0 2\n4 3\n50 9\n")
    recording, findings = read(root)
    assert recording.frame_labels["aus"][0, 0] == 3
    assert findings["other_units"].detail.startswith("2 further action units")
    assert "label_range" not in findings
    path.write_text("4 2 1\n")
    recording, findings = read(root)
    assert np.isnan(recording.frame_labels["aus"][0]).all()
    assert np.isfinite(recording.frame_labels["aus"][1:]).all()
    assert path.name in findings["wrong_count"].detail


def test_empty_label_files_and_decimal_commas(root):
    label(root, "Frame_Labels/PSPI", 2).write_text("\n")
    next(root.glob("Sequence_Labels/VAS/*/*.txt")).write_bytes(b"")
    recording, findings = read(root)
    assert np.isnan(recording.frame_labels["pspi"][1])
    assert np.isfinite(recording.frame_labels["pspi"][0])
    assert np.isnan(recording.labels["vas"])
    assert findings["empty_label"].detail.startswith("2 label files")
    next(root.glob("Sequence_Labels/VAS/*/*.txt")).write_text("3,0000000e+00")
    recording, findings = read(root)
    assert recording.labels["vas"] == 3
    assert findings["comma_decimal"].action == "repaired"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        *(("1.0 2.0", "wrong_count"), ("17", "label_range")),
        *(("-1", "label_range"), ("high", "not_numbers")),
        *((text, "not_numbers") for text in ("nan", "1_0", "3,000,1")),
    ],
)
def test_labels_that_are_no_label_are_refused_by_name(root, text, rule):
    path = label(root, "Frame_Labels/PSPI", 3)
    path.write_text(text, encoding="utf-8")
    error = refusal(root)
    assert (error.path, error.rule) == (str(path), rule)


def test_labels_as_notepad_saves_them_are_read(root):
    expected, _ = read(root)
    trees = ("Frame_Labels/PSPI", "Frame_Labels/FACS", "AAM_landmarks")
    for path in (p for tree in trees for p in root.glob(f"{tree}/*/*/*.txt")):
        text = path.read_text(encoding="ascii").replace("\n", "\r\n\r\n")
        path.write_bytes(text.encode("utf-8-sig"))
    recording, _ = read(root)
    for name, values in expected.frame_labels.items():
        np.testing.assert_array_equal(recording.frame_labels[name], values)
    np.testing.assert_array_equal(recording.landmarks, expected.landmarks)


def test_values_off_their_scale_are_unknown(root):
    label(root, "Frame_Labels/FACS", 1).write_text("4 9\n")
    path = label(root, "AAM_landmarks", 3)
    path.write_text("1e300 2\n" * 66)
    recording, findings = read(root)
    assert np.isnan(recording.frame_labels["aus"][0]).all()
    assert "holds 9, not 0 to 5" in findings["label_range"].detail
    assert np.isnan(recording.landmarks[2]).all()
    assert "frames 3" in findings["landmark_count"].detail


def test_odd_labels_that_no_table_needs_are_unknown(root):
    for scale, text in (("AFF", "16"), ("OPR", "1 2"), ("SEN", "strong")):
        next(root.glob(f"Sequence_Labels/{scale}/*/*.txt")).write_text(text)
    path = label(root, "AAM_landmarks", 3)
    path.write_text(path.read_text().replace("0", "O"))
    (raw_file,) = unbc.find_files(root)
    recording, findings = unbc.read_file(raw_file)
    labels = recording.labels
    assert np.isfinite(labels["vas"])
    assert np.isnan([labels[scale] for scale in ("aff", "opr", "sen")]).all()
    said = "; ".join(finding.detail for finding in findings)
    assert "AFF file: holds 16, not 0 to 15; unknown" in said
    assert "OPR file: holds 2 numbers, not one; unknown" in said
    assert "SEN file: line 1 holds 'strong', no number; unknown" in said
    assert np.isnan(recording.landmarks[2]).all()
    assert np.isfinite(np.delete(recording.landmarks, 2, axis=0)).all()
    assert "1 landmark files" in said and "frames 3" in said
    next(root.glob("Sequence_Labels/VAS/*/*.txt")).write_text("11")
    assert refusal(root).rule == "label_range"


def test_wrong_count_of_label_files(root):
    label(root, "Frame_Labels/PSPI", 2).unlink()
    extra = label(root, "AAM_landmarks", 1)
    shutil.copy(extra, str(extra).replace("001_aam", "099_aam"))
    recording, findings = read(root)
    assert np.isnan(recording.frame_labels["pspi"][1])
    assert "without PSPI file: 2" in findings["missing_labels"].detail
    assert "frame: 99" in findings["labels_without_frame"].detail


def test_wrong_count_of_landmark_lines(root):
    path = label(root, "AAM_landmarks", 2)
    path.write_text("".join(path.read_text().splitlines(True)[:-1]))
    recording, findings = read(root)
    assert np.isnan(recording.landmarks[1]).all()
    assert np.isfinite(recording.landmarks[0]).all()
    assert "frames 2" in findings["landmark_count"].detail


def test_exchanged_landmark_columns_are_put_right(root):
    expected, _ = read(root)
    for path in root.glob("AAM_landmarks/*/*/*.txt"):
        rows = [line.split() for line in path.read_text().splitlines()]
        path.write_text("".join(f"{y} {x}\n" for x, y in rows))
    recording, findings = read(root)
    assert findings["landmarks_exchanged"].action == "repaired"
    np.testing.assert_allclose(recording.landmarks, expected.landmarks)


def test_landmarks_off_the_picture_or_upside_down_are_noted(made):
    recording, _ = unbc.read_file(unbc.find_files(made)[0])
    points = recording.landmarks
    for spoiled, rule in (
        (points + 500, "landmarks_outside"),
        (points * (1, -1) + (0, 48), "landmarks_upside_down"),
    ):
        found = Findings()
        check_points(found, spoiled, (48, 64))
        assert [finding.rule for finding in found] == [rule]


def test_simulate_and_check(tmp_path, capsys):
    argv = ["simulate", "unbc_mcmaster", "--out", str(tmp_path)]
    argv += ["--subjects=1", "--frames=4", "--size=64x48", "--jobs=1"]
    assert cli.main(argv) == 0
    sheet = tmp_path / "contact_sheet_unbc_mcmaster_SIMULATED.png"
    assert str(sheet) in capsys.readouterr().out
    assert cv2.imread(str(sheet)).shape[0] > 120
    check = ["check", "unbc_mcmaster", "--manual_dir", str(tmp_path)]
    assert cli.main([*check, "--write_manifest"]) == 0
    out = capsys.readouterr().out
    assert "5 files: 5 read, 0 refused; 1 people" in out
    assert "SIMULATED: 5 files" in out and "vas " in out
    assert cli.main(check) == 0
    assert "manifest verified" in capsys.readouterr().out
    # Labels count for the fingerprint as pictures do.
    path = next((tmp_path / "unbc_mcmaster").rglob("*001_aam.txt"))
    path.write_text(path.read_text().replace("1", "2"))
    assert cli.main(check) == 1
    assert path.parent.name in capsys.readouterr().err
    assert cli.main([*argv, "--with_test"]) == 1
    assert "--with_test does not apply" in capsys.readouterr().err
