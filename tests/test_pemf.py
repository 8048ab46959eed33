"""PEMF: folders, ratings sheet, stills and clips, simulator."""

import math
import shutil
import zipfile

import numpy as np
import openpyxl
import pytest
from PIL import Image

from keras_pain.corpora import manifest, pemf
from keras_pain.corpora.base import read_corpus
from keras_pain.corpora.check import check_layout
from keras_pain.corpora.media import list_stills, natural_key, write_mp4
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.pemf.ratings import parse_mean, read_ratings
from keras_pain.corpora.unbc_mcmaster.reader import pspi
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.signals.landmarks import read_csv
from keras_pain.simulate import simulate
from keras_pain.simulate.pemf import motion_of

DAMAGED = "cannot be read as a workbook"
STILLS = "Pictures/Modified/{}/{}/Colour frames"


def picture(number):
    """Colours whose red tells the number."""
    pixels = np.full((32, 24, 3), (10 * number, 120, 60), np.uint8)
    pixels[:8] = (200, 30, 30)
    return pixels


def add_stills(root, subject, folder, frames=20, place=STILLS):
    path = root / place.format(subject, folder)
    path.mkdir(parents=True)
    for number in range(1, frames + 1):
        name = f"frame {number}.jpg"  # 10 before 9, by the alphabet
        Image.fromarray(picture(number)).save(path / name, quality=95)
    return path


def row(clip, kind, intensity="5,20 (2,516)", votes=3):
    return (clip, 25, "Female", kind, intensity, *[votes] * 12)


def write_sheet(root, rows, sheet=facts.RATINGS_SHEET, header=None):
    book = openpyxl.Workbook()
    book.active.title = sheet
    book.active.append(header or facts.RATINGS_COLUMNS)
    for values in rows:
        book.active.append(values)
    book.save(root / facts.RATINGS_FILE)


@pytest.fixture
def database(tmp_path):
    """A model with all four types, and the sheet."""
    for kind in facts.KINDS:
        add_stills(tmp_path, "S001", kind.folder)
    write_sheet(
        tmp_path,
        [row(f"S001{k.suffix}", k.folder.split()[0]) for k in facts.KINDS],
    )
    return tmp_path


def rules(findings):
    return sorted(f.rule for f in findings if f.action != "checked")


def find_rules(root, **options):
    return {f.name: rules(f.findings) for f in pemf.find_files(root, **options)}


def read(root, name):
    (file,) = (f for f in pemf.find_files(root) if f.name == name)
    return pemf.read_file(file)


def test_one_file_for_each_model_and_type(database):
    files = pemf.find_files(database)
    assert [f.name for f in files] == ["S001N", "S001P", "S001A", "S001L"]
    assert [f.info["kind"] for f in files] == [0, 1, 2, 3]
    assert {f.subject_id for f in files} == {"S001"}
    assert (
        files[1].relative == "Pictures/Modified/S001/Posed Pain/Colour frames"
    )
    assert not any(rules(f.findings) for f in files)
    assert pemf.detect_layout(database) == "pictures"


def test_fingerprint_follows_stills_and_sheet(database):
    def fingerprint():
        return manifest.fingerprint(database, pemf.find_files(database))

    seen = [fingerprint()]
    (database / STILLS.format("S001", "Neutral") / "Thumbs.db").write_text("x")
    assert fingerprint() == seen[0]
    folder = database / STILLS.format("S001", "Neutral")
    (folder / "frame 20.jpg").unlink()
    seen.append(fingerprint())
    write_sheet(database, [row("S001N", "Neutral", intensity="0,10 (0,2)")])
    seen.append(fingerprint())
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("Neutral", 0), ("neutral face", 0), ("POSED PAIN", 1)),
        *(("Algometer Pain", 2), ("Algomer Pain", 2)),  # S013's typo
        *((" Laser Pain-2", 3), ("Pain", None)),
    ],
)
def test_types_are_told_by_prefix(name, kind):
    assert facts.kind_of(name) == kind


def test_typo_case_and_nesting_of_folders(database):
    (database / "Pictures").rename(database / "inner")
    (database / "pictures").mkdir()
    (database / "inner").rename(database / "pictures" / "Pictures")
    model = database / "pictures" / "Pictures" / "Modified" / "S001"
    (model / "Algometer Pain").rename(model / "Algomer pain")
    (model / "Neutral" / "Colour frames").rename(model / "x")
    (model / "Neutral").rmdir()
    (model / "x").rename(model / "Neutral")  # no folder of stills in it
    (model / "Laser Pain" / "Black and white frames").mkdir()
    found = find_rules(database)
    assert found == {
        "S001N": ["folder_name"],
        "S001P": [],
        "S001A": ["folder_name"],
        "S001L": [],
    }
    first, _, typo, _ = pemf.find_files(database)
    assert "pictures/Pictures/Modified" in first.findings[0].detail
    assert "'Algomer pain'" in typo.findings[0].detail
    recording, _ = read(database, "S001A")
    assert recording.labels["kind"] == 2
    recording, _ = read(database, "S001N")
    assert recording.num_frames == 20


def test_of_duplicates_the_first_is_read_and_the_others_are_said(database):
    for copy in ("-2", "-1"):
        add_stills(database, "S002", f"Algometer Pain{copy}")
    add_stills(database, "S002", "Laser Pain-2", frames=3)
    add_stills(database, "S002", "Laser Pain")
    files = {f.name: f for f in pemf.find_files(database)}
    assert sum(name.startswith("S002") for name in files) == 2
    assert files["S002A"].path.parent.name == "Algometer Pain-1"
    assert files["S002L"].path.parent.name == "Laser Pain"
    for name, other in (("S002A", "Algometer Pain-2"), ("S002L", "Pain-2")):
        (finding,) = (f for f in files[name].findings if f.rule == "duplicate")
        assert other in finding.detail.split("not", 1)[1]


def test_a_folder_of_no_known_type_is_refused(database):
    add_stills(database, "S001", "Cold Pain")
    files = {f.name: f for f in pemf.find_files(database)}
    assert len(files) == 5
    file = files["S001 Cold Pain"]
    with pytest.raises(BadFileError, match="'Cold Pain' is none of the types"):
        pemf.read_file(file)
    reports = [r for _, r in read_corpus(pemf, database, on_bad_file="skip")]
    assert [r.refused for r in reports] == [False] * 4 + [True]
    (database / STILLS.format("S001", "Notes")).parent.mkdir()  # no pictures
    assert len(pemf.find_files(database)) == 5


def test_a_lacking_type_is_said_with_the_first_clip_of_the_model(database):
    shutil.rmtree((database / STILLS.format("S001", "Laser Pain")).parent)
    found = find_rules(database)
    assert found == {"S001N": ["missing_clips"], "S001P": [], "S001A": []}
    detail = pemf.find_files(database)[0].findings[0].detail
    assert "Laser Pain" in detail


def test_a_folder_without_clips_is_described(tmp_path):
    (tmp_path / "Pictures").mkdir()
    (tmp_path / "Pictures" / "x.jpg").write_bytes(b"x")
    with pytest.raises(KerasPainError, match="no PEMF clips.*1 .jpg"):
        pemf.detect_layout(tmp_path)


@pytest.mark.parametrize(
    ("cell", "mean"),
    [
        *(
            ("5,20 (2,516)", 5.2),
            ("5.20(2.516)", 5.2),
            (" 0,04 ( 0,2 ) ", 0.04),
        ),
        *(("3", 3.0), (5.2, 5.2), ("5,20 2,516", math.nan)),
        *(("n.a.", math.nan), (None, math.nan)),
    ],
)
def test_european_mean_of_a_cell(cell, mean):
    np.testing.assert_equal(parse_mean(cell), mean)


def test_recording_holds_type_pain_and_rating(database):
    recording, findings = read(database, "S001A")
    assert recording.labels == {"pain": 1.0, "kind": 2.0, "intensity": 5.2}
    assert recording.frame_rate is None
    assert rules(findings) == []
    neutral, _ = read(database, "S001N")
    assert neutral.labels["pain"] == neutral.labels["kind"] == 0


def test_the_suffix_is_believed_against_the_kind_column(database):
    write_sheet(database, [row("S001P", "Laser")])
    file = pemf.find_files(database)[1]
    assert rules(file.findings) == ["kind_against_suffix"]
    recording, _ = pemf.read_file(file)
    assert recording.labels["kind"] == 1
    assert recording.labels["intensity"] == 5.2


def test_rows_that_cannot_be_used_are_said_with_their_clip(database):
    write_sheet(
        database,
        [
            row("S001N", "Neutral", intensity="keine"),
            row("S001P", "Posed", intensity="520 (2,516)"),
            row("S001A", "Algometer"),
            row("S001A", "Algometer", intensity="1,00 (1,000)"),
            row("Total", ""),
            row("S044L", "Laser"),
        ],
    )
    found = find_rules(database)
    assert found == {
        "S001N": [
            *("missing_subjects", "ratings_rows", "ratings_rows"),
            "unreadable_rating",
        ],
        "S001P": ["rating_out_of_range"],
        "S001A": [],
        "S001L": ["no_rating"],
    }
    intensity = {f.name: f.info["intensity"] for f in pemf.find_files(database)}
    np.testing.assert_equal(
        intensity,
        {"S001N": math.nan, "S001P": math.nan, "S001A": 5.2, "S001L": math.nan},
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "no PEMF_Database.xlsx"),
        *(
            (lambda path, n=n: path.write_bytes(path.read_bytes()[:n]), DAMAGED)
            for n in (0, 3000)
        ),
        (lambda path: path.write_text("Clip;Intensity\n"), DAMAGED),
        (
            lambda path: write_sheet(path.parent, [], sheet="Hoja1"),
            "has no sheet 'Articulo', only 'Hoja1'",
        ),
        (
            lambda path: write_sheet(path.parent, [], header=["Clip", "Age"]),
            "has no column intensity",
        ),
    ],
)
def test_without_a_sheet_intensity_is_unknown_and_said_once(
    database, spoil, said
):
    spoil(database / facts.RATINGS_FILE)
    files = pemf.find_files(database)
    findings = [finding for file in files for finding in file.findings]
    assert len(findings) == 1
    assert said in findings[0].detail
    recording, _ = pemf.read_file(files[1])
    assert math.isnan(recording.labels["intensity"])
    assert recording.labels["pain"] == 1
    assert recording.labels["kind"] == 1


def rewrite(path, change):
    """The workbook with each of its parts as `change(name, content)`."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, change(name, content))


@pytest.mark.parametrize(
    ("part", "old", "new", "good"),
    [
        ("styles.xml", b"<fill>", b"<fill/><fill>", True),
        ("sheet1.xml", b'ref="A1:Q5"', b'ref="A1:A1"', True),
        ("sheet1.xml", b"</row>", b"</ro", False),
        ("sheet1.xml", b"</worksheet>", b" " * (33 << 20), False),
    ],
)
def test_sheets_that_excel_opens_are_read(database, part, old, new, good):
    path = database / facts.RATINGS_FILE

    def change(name, content):
        if not name.endswith(part):
            return content
        assert old in content
        return content.replace(old, new, 1)

    rewrite(path, change)
    ratings, findings = read_ratings(path)
    assert len(ratings) == 4 * good
    assert [f.rule for f in findings] == ["bad_ratings"] * (not good)


def test_merged_cells_are_the_value_of_each_row(database):
    path = database / facts.RATINGS_FILE
    book = openpyxl.load_workbook(path)
    for column in "BCE":
        book.active.merge_cells(f"{column}2:{column}5")
    book.save(path)
    ratings, findings = read_ratings(path)
    values = {(r.age, r.gender, r.intensity) for r in ratings.values()}
    assert values == {(25, "Female", 5.2)} and len(ratings) == 4
    assert "B2:B5" in findings[0].detail


def test_sheets_of_other_programs_are_read_or_noted_in_silence(
    database, recwarn
):
    path = database / facts.RATINGS_FILE
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("B2:B5")
    book.save(path)
    ratings, _ = read_ratings(path)

    def other(name, content):
        if not name.endswith("sheet1.xml"):
            return content
        text = content.decode().replace('ref="B2:B5"', "ref='B2:B5'")
        head = '<?xml version="1.0" encoding="UTF-16"?>'
        return (head + text).encode("utf-16")

    rewrite(path, other)
    assert read_ratings(path)[0] == ratings and ratings["S001", 2].age == 25
    usual = b"schemas.openxmlformats.org/officeDocument/2006/relationships"
    strict = b"purl.oclc.org/ooxml/officeDocument/relationships"
    rewrite(path, lambda name, content: content.replace(usual, strict))
    assert [f.rule for f in read_ratings(path)[1]] == ["bad_ratings"]
    assert not list(recwarn)


@pytest.mark.parametrize(
    ("cell", "age", "said"),
    [
        *((25, 25, []), ("25,5", 25.5, []), (None, math.nan, [])),
        ("21 years", math.nan, ["unreadable_rating"]),
        *((age, math.nan, ["rating_out_of_range"]) for age in (-5, 999, 1e300)),
    ],
)
def test_ages_that_are_none_are_said(database, cell, age, said):
    values = row("S001P", "Posed")
    write_sheet(database, [(values[0], cell, *values[2:])])
    (rating,) = read_ratings(database / facts.RATINGS_FILE)[0].values()
    np.testing.assert_equal(rating.age, age)
    assert rules(rating.findings) == said and rating.intensity == 5.2


def test_a_damaged_part_or_two_columns_of_a_name_give_no_ratings(database):
    path = database / facts.RATINGS_FILE
    content = bytearray(path.read_bytes())
    content[content.index(b"sheet1.xml") + 60] ^= 255
    path.write_bytes(content)
    assert [f.rule for f in read_ratings(path)[1]] == ["bad_ratings"]
    header = ["Clip", "Intensity", "intensity "]
    write_sheet(database, [("S001N", 1, 2)], header=header)
    assert "2 columns intensity" in read_ratings(path)[1][0].detail


def test_folders_that_were_doubled_are_read(database, tmp_path):
    person = database / "Pictures" / "Modified" / "S001"
    top = tmp_path / "up" / "pemf" / "pemf" / "Pictures" / "Pictures"
    inner = top / "Modified" / "Modified" / "S001"
    inner.mkdir(parents=True)
    person.rename(inner / "S001")
    files = pemf.find_files(tmp_path / "up")
    assert [f.name[-1] for f in files] == ["N", "P", "A", "L"]


def test_sheet_is_found_whatever_its_accents(database):
    write_sheet(database, [row("S001N", "Neutral")], sheet="Artículo ")
    ratings, findings = read_ratings(database / facts.RATINGS_FILE)
    assert list(ratings) == [("S001", 0)]
    assert findings == []


def test_stills_come_in_the_order_of_their_numbers(database):
    recording, _ = read(database, "S001P")
    frames = recording.frames()
    assert len(frames) == recording.num_frames == 20
    assert frames[0].dtype == np.uint8
    red = [frame[20, 12, 0] for frame in frames]
    np.testing.assert_allclose(red, 10 * np.arange(1, 21), atol=4)
    names = ["S001 10.jpg", "S001 9.jpg", "s001 1.jpg"]
    assert sorted(names, key=natural_key) == [names[2], names[1], names[0]]


@pytest.mark.parametrize("frames", [19, 21])
def test_another_number_of_frames_is_kept_and_said(database, frames):
    add_stills(database, "S002", "Neutral", frames=frames)
    recording, findings = read(database, "S002N")
    assert recording.num_frames == len(recording.frames()) == frames
    assert "frame_count" in rules(findings)
    assert f"{frames} frames, not 20" in " ".join(f.detail for f in findings)
    add_stills(database, "S003", "Neutral", frames=1)
    with pytest.raises(BadFileError, match="has 1 frame"):
        read(database, "S003N")


def test_grey_stills_and_stills_of_another_size_are_read_and_noted(database):
    folder = database / STILLS.format("S001", "Neutral")
    for path in list_stills(folder):
        Image.open(path).convert("L").save(path)
    Image.new("L", (40, 50), 90).save(folder / "frame 3.jpg")
    (folder / "._frame 4.jpg").write_bytes(b"macOS")
    recording, findings = read(database, "S001N")
    assert rules(findings) == ["channels", "frame_sizes", "grey"]
    frames = recording.frames()
    assert frames[2].shape == (50, 40, 3)
    assert len(frames) == 20


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda data: data[:-40], "truncated"),
        (lambda data: b"", "empty"),
        (lambda data: b"<html>", "undecodable"),
    ],
)
def test_damaged_stills_are_named_in_one_line(database, spoil, rule):
    path = database / STILLS.format("S001", "Neutral") / "frame 7.jpg"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BadFileError) as caught:
        read(database, "S001N")
    assert caught.value.rule == rule
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_the_archive_of_clips_can_be_read_instead(tmp_path):
    for version in ("Original", "Modified"):
        for name in ("Posed Pain", "Posed Pain-2"):
            folder = tmp_path / "Clips" / version / "S001" / "Posed Pain"
            folder.mkdir(parents=True, exist_ok=True)
            frames = [picture(n) for n in range(1, 21)]
            write_mp4(folder / f"{name} S001.mp4", frames, 10)
    assert pemf.detect_layout(tmp_path) == "clips"
    (file,) = pemf.find_files(tmp_path, "clips")
    assert file.name == "S001P"
    assert file.relative == (
        "Clips/Modified/S001/Posed Pain/Posed Pain S001.mp4"
    )
    assert rules(file.findings) == ["duplicate", "missing_clips", "no_ratings"]
    recording, _ = pemf.read_file(file)
    assert recording.num_frames == len(recording.frames()) == 20
    path = tmp_path / file.relative
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(BadFileError, match="is cut off"):
        pemf.read_file(file)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    out = tmp_path_factory.mktemp("raw")
    options = {"subjects": 3, "frames": 4, "size": (64, 52), "landmarks": True}
    paths = simulate("pemf", out, jobs=1, progress=False, **options)
    return out, paths, options


def test_simulator_writes_the_owners_tree_and_its_oddities(simulated):
    out, paths, _ = simulated
    base = out / "pemf"
    assert sorted(paths) == paths
    assert all(path.is_file() for path in paths)
    relative = {path.relative_to(base).as_posix() for path in paths}
    assert {
        "PEMF_Database.xlsx",
        "Pictures/Modified/S001/Neutral/Colour frames/S001N 4.jpg",
        "Pictures/Modified/S002/Algometer Pain-2/Colour frames/S002A 1.jpg",
        "Pictures/Modified/S003/Algomer Pain/Colour frames/S003A 1.jpg",
        "Clips/Original/S001/Laser Pain/Laser Pain S001.mp4",
        "Clips/Modified/S002/Algometer Pain/Algometer Pain-2 S002.mp4",
        "Landmarks/S001P.csv",
    } <= relative
    for layout in facts.LAYOUTS:
        found = find_rules(out, layout=layout)
        assert len(found) == 3 * 4
        odd = {name: said for name, said in found.items() if said}
        assert odd == {
            "S001P": ["kind_against_suffix"],
            "S002A": ["duplicate"],
            "S003A": ["folder_name"],
        }
    assert (base / "SIMULATED.txt").read_text().startswith("SIMULATED")


def test_simulated_landmarks_are_those_of_the_pictures(simulated):
    out, _, _ = simulated
    points = read_csv(out / "pemf" / "Landmarks" / "S002P.csv", num_frames=4)
    assert points.shape == (4, 68, 2)
    inside = (points > 0).all(axis=-1) & (points < (52, 64)).all(axis=-1)
    assert inside.mean() > 0.9
    eyes = points[:, 36:48, 1].mean()
    assert eyes < points[:, 48:, 1].mean()


def test_check_names_landmarks_that_a_dataset_would_refuse(simulated, tmp_path):
    root = tmp_path / "pemf"
    shutil.copytree(simulated[0] / "pemf", root)
    assert pemf.find_files(root)[0].name == "S001N"
    path = root / "Landmarks" / "S001N.csv"
    lines = path.read_text().splitlines()
    lines[0] = lines[0].rpartition(',"')[0]  # 67 points
    path.write_text("\n".join(lines))
    (root / "Landmarks" / "S002P.csv").unlink()
    found = {
        report.name: (report.refused, finding.detail)
        for report in check_layout(pemf, root, "pictures").reports
        for finding in report.findings
        if finding.rule == "landmark_file"
    }
    assert list(found) == ["S001N", "S002P"]
    refused, detail = found["S001N"]
    assert not refused and detail.startswith(
        "Landmarks/S001N.csv: row 1 has 67 points instead of 68; "
    )
    assert "No such file" in found["S002P"][1]


def test_types_differ_in_what_is_seen_and_neutral_faces_are_neutral():
    people = range(12)
    peaks = [
        [pspi({**motion_of(p, kind, 20).units, 43: 0.0}).max() for p in people]
        for kind in range(4)
    ]
    neutral, posed, algometer, laser = np.array(peaks)
    assert neutral.max() < 0.5
    assert min(posed.min(), algometer.min(), laser.min()) > 2
    assert posed.mean() > max(algometer.mean(), laser.mean()) + 1

    def mean_units(kind, unit, frames):
        return np.mean(
            [motion_of(p, kind, 20).units[unit][frames] for p in people]
        )

    late, mouth = slice(17, None), 25
    assert mean_units(2, mouth, late) < 0.5 * mean_units(1, mouth, late)
    assert mean_units(3, 4, late) < 0.5 * mean_units(2, 4, late)


def test_simulated_ratings_rank_as_the_types_are_seen(simulated):
    out, _, _ = simulated
    ratings, findings = read_ratings(out / "pemf" / facts.RATINGS_FILE)
    assert findings == []
    assert len(ratings) == 3 * 4
    book = openpyxl.load_workbook(out / "pemf" / facts.RATINGS_FILE)
    header, *rows = book[facts.RATINGS_SHEET].iter_rows(values_only=True)
    clip, unit = header.index("Clip"), header.index("AU4")
    votes = {row[clip]: float(row[unit]) for row in rows}
    for subject in ("S001", "S002", "S003"):
        neutral, *pain = (ratings[subject, kind][0] for kind in range(4))
        assert neutral < min(pain)
        assert votes[f"{subject}N"] == 0
        assert all(votes[subject + letter] > 0 for letter in "PAL")
