"""EmoPain: finding files, each rule, and reading the three layouts."""

import pathlib
import shutil

import emopain_files as made
import numpy as np
import pytest

from keras_pain.corpora import emopain
from keras_pain.corpora.base import RawFile, read_corpus
from keras_pain.corpora.emopain import rules
from keras_pain.corpora.emopain.layout import ChallengeColumns
from keras_pain.corpora.emopain.rules import Rules
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)

NAN = np.nan
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


@pytest.mark.parametrize("layout", WHERE)
def test_doubled_folders(tmp_path, layout):
    values = getattr(made, layout.removesuffix("2020"))()
    folder, name = WHERE[layout].split("/")
    doubled = f"{layout}/{layout}/{folder}/{folder}"
    made.save(tmp_path / doubled / name, values)
    assert emopain.detect_layout(tmp_path) == layout
    assert emopain.detect_layout(tmp_path / layout) == layout
    _, found = read_folder(tmp_path, layout)
    # What lies above the layout's folder may be of the user's own making.
    assert found["doubled_folder"].detail == f"read in {folder}/{folder}"
    with pytest.raises(ConfigurationError, match="layout must be one of"):
        emopain.find_files(tmp_path, "vicon")


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
    (tmp_path / "train/P1D.mat").write_bytes(b"")
    arguments = ("emopain", tmp_path, "coordinates", "skip")
    with pytest.raises(KerasPainError, match="all 2 files were refused"):
        list(read_corpus(*arguments))


def test_read_corpus_refuses_at_the_call(tmp_path):
    with pytest.raises(ConfigurationError, match="must be one of fail, skip"):
        read_corpus("emopain", tmp_path, on_bad_file="ignore")
    with pytest.raises(ConfigurationError, match="layout must be one of"):
        read_corpus("emopain", tmp_path, "vicon")
    with pytest.raises(ConfigurationError, match="corpus must be one of"):
        read_corpus("nobody", tmp_path)


def run(rule, *arguments, group=""):
    """What a rule returns, and its finding or None."""
    path = pathlib.Path("x.mat")
    found = Rules(RawFile(path, "fame", "x", path.parent, group=group))
    values = rule(found, *arguments)
    return values, found[0] if found else None


def column(*values):
    return np.array(values, float)[:, None]


def test_extra_columns():
    values, finding = run(Rules.extra_columns, np.ones((3, 7)), 5)
    assert values.shape == (3, 5)
    assert (finding.rule, finding.action) == ("extra_columns", "noted")
    assert "2 columns" in finding.detail
    assert run(Rules.extra_columns, np.ones((3, 5)), 5)[1] is None


def test_nan_rows_are_interpolated(monkeypatch):
    monkeypatch.setattr(rules, "MAX_GAP", 2)
    values = column(NAN, 1, NAN, NAN, 4, np.inf)
    filled, finding = run(Rules.nan_rows, values, "sEMG")
    assert filled[:, 0].tolist() == [1, 1, 2, 3, 4, 4]
    assert np.isnan(values[2, 0])  # the argument is left alone
    assert finding.action == "repaired" and "4 rows of sEMG" in finding.detail
    assert run(Rules.nan_rows, column(1, 2), "sEMG")[1] is None


def test_long_gaps_and_nothing_but_nan_are_refused(monkeypatch):
    monkeypatch.setattr(rules, "MAX_GAP", 2)
    values = column(1, NAN, NAN, NAN, 5)
    with pytest.raises(BadFileError) as caught:
        run(Rules.nan_rows, values, "sEMG")
    assert "rows 2 to 4" in caught.value.args[1]
    monkeypatch.setattr(rules, "MAX_GAP", 3)
    assert run(Rules.nan_rows, values, "sEMG")[1] is not None
    with pytest.raises(BadFileError, match="only NaN"):
        run(Rules.nan_rows, column(NAN, NAN), "sEMG")
    monkeypatch.setattr(rules, "MAX_GAP", 1)
    # However short a file, a column without numbers is no gap.
    for values in ([[1, NAN], [2, NAN]], [[1, 2], [2, NAN], [3, NAN]]):
        with pytest.raises(BadFileError, match="two or more must be there"):
            run(Rules.nan_rows, np.array(values), "sEMG")
    # Gaps of different columns do not add up.
    values = np.array([[1, NAN], [NAN, 1], [1, NAN], [NAN, 1]])
    assert run(Rules.nan_rows, values, "sEMG")[1] is not None


def test_nan_first_energy_row():
    energies = np.array([[NAN, NAN], [1, 2.0]])
    repaired, finding = run(Rules.nan_first_energy_row, energies)
    assert repaired.tolist() == [[0, 0], [1, 2]]
    assert finding.rule == "nan_first_energy_row"
    assert run(Rules.nan_first_energy_row, repaired)[1] is None


def test_zero_semg():
    semg = np.ones((5, 4))
    assert run(Rules.zero_semg, semg)[1] is None
    semg[0] = 0  # a zero row is no lost probe
    assert run(Rules.zero_semg, semg)[1] is None
    semg[:, 2] = 0
    assert "upper right is zero" in run(Rules.zero_semg, semg)[1].detail
    semg[:] = 0
    kept, finding = run(Rules.zero_semg, semg)
    assert kept is semg and finding.action == "noted"
    assert finding.detail.startswith("all four")


def test_negative_semg():
    semg = np.full((100, 4), 0.02)
    assert run(Rules.negative_semg, semg)[1] is None
    semg[3, 1] = -0.001
    repaired, finding = run(Rules.negative_semg, semg)
    assert repaired[3, 1] == 0 and repaired.sum() == pytest.approx(399 * 0.02)
    assert finding.detail.startswith("1 negative")
    with pytest.raises(BadFileError, match="25% of the sEMG samples"):
        semg[:, 0] = -0.02
        run(Rules.negative_semg, semg)


@pytest.mark.parametrize("names", [JOINTS_26, JOINTS_22])
def test_collapsed_skeleton(names):
    sound = made.joints(60, names)
    kept, finding = run(Rules.collapsed_skeleton, sound, names)
    assert kept is sound and finding is None
    shrunk = sound.copy()
    shrunk[56:] *= np.array([0.95, 0.6, 0.3, 0.1])[:, None, None]
    kept, finding = run(Rules.collapsed_skeleton, shrunk, names)
    np.testing.assert_array_equal(kept, sound[:56])
    assert "rows 57 to 60 cut off" in finding.detail
    with pytest.raises(BadFileError, match="one point"):
        run(Rules.collapsed_skeleton, sound * 0, names)


def test_a_crouch_is_no_collapse():
    joints = made.joints(60)
    # Folding at the knees moves joints together and keeps every bone.
    hip = joints[-1, :, 1] > 60
    joints[-1, hip, 1] -= 38
    knees = [JOINTS_26.index(f"{s}_lower_leg") for s in ("left", "right")]
    joints[-1, knees, 2] += 40
    assert run(Rules.collapsed_skeleton, joints, JOINTS_26)[1] is None


def test_integer_labels(monkeypatch):
    labels, finding = run(
        Rules.integer_labels, np.array([0, 1, 2.0]), 0, 2, "x"
    )
    assert labels.tolist() == [0, 1, 2] and finding is None
    assert labels.dtype == np.int64
    values = np.array([[NAN, 1.001], [2, NAN], [1, NAN], [0, 0]])
    labels, finding = run(Rules.integer_labels, values, 0, 2, "ratings")
    assert labels.tolist() == [[2, 1], [2, 1], [1, 1], [0, 0]]
    assert finding.detail == "ratings: 3 rows filled, 3 rows rounded"
    for wrong in (0.5, 3.0, -1.0):
        with pytest.raises(BadFileError, match=f"flags holds {wrong:g}"):
            run(Rules.integer_labels, np.array([0, 1, wrong]), 0, 2, "flags")
    with pytest.raises(BadFileError, match="rows 2 to 4"):
        monkeypatch.setattr(rules, "MAX_GAP", 2)
        values = np.array([0, NAN, NAN, NAN, 0])
        run(Rules.integer_labels, values, 0, 2, "flags")


def test_overlapping_flags():
    flags = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1]])
    instance, finding = run(Rules.overlapping_flags, flags)
    assert instance.tolist() == [0, 2, 2, 1]
    assert finding.detail.startswith("2 rows")
    assert run(Rules.overlapping_flags, flags[:2])[1] is None


@pytest.mark.parametrize(
    "before, after",
    [
        *(("000111", "000111"), ("110111", "111111"), ("0123", "0123")),
        *(("11011022", "11111122"), ("1120033", "1110033"), ("5", "5")),
        *(("110101011", "111111111"), ("011122", "111122")),
        *(("11221", "11222"), ("1100022", "1100022")),
    ],
)
def test_activity_flicker(before, after):
    values = np.array([int(digit) for digit in before])
    repaired, finding = run(Rules.activity_flicker, values)
    assert "".join(map(str, repaired)) == after
    assert (finding is None) == (before == after)
    if finding is not None:
        changed = sum(a != b for a, b in zip(before, after, strict=True))
        assert finding.detail.startswith(f"{changed} single rows")


def test_merge_raters():
    raters = np.zeros((5, 4, 7))
    raters[1, 0, :3] = 2  # one rater, several behaviours
    raters[2, [0, 3], [0, 5]] = 1  # two raters, different behaviours
    raters[3, 1:, 6] = 1
    merged, finding = run(Rules.merge_raters, raters, group="patient")
    assert merged.tolist() == [0, 0, 1, 1, 0] and finding is None
    merged, finding = run(Rules.merge_raters, raters, group="healthy")
    assert not merged.any() and "2 protective rows" in finding.detail


def test_given_pain():
    levels = np.array([-1, 0, 2])
    pain, finding = run(Rules.given_pain, levels, group="healthy")
    assert pain.tolist() == [0, 0, 2] and "1 rows" in finding.detail
    pain, finding = run(Rules.given_pain, levels, group="patient")
    assert pain.tolist() == [-1, 0, 2] and "1 rows" in finding.detail
    assert run(Rules.given_pain, np.array([-1, 1]), group="patient")[1] is None


def test_rounded_positions_pass_the_check():
    # The tolerance must let one decimal pass, and nothing much coarser.
    joints = made.joints(2000)
    true = joint_angles(joints)
    fine, coarse = (joint_angles(joints.round(n)) for n in (1, 0))
    for kind, change in (
        ("angles", lambda angles: angles),
        ("energies", angle_energies),
    ):
        for other, action in ((fine, "checked"), (coarse, "noted")):
            pair = change(true), change(other)
            _, finding = run(Rules.stored_columns, kind, *pair)
            assert finding.action == action
    angles = np.full((9, 13), 90.0)
    _, finding = run(Rules.stored_columns, "angles", angles * NAN, angles)
    assert finding.action == "noted" and "stored ones are NaN" in finding.detail


def test_repairs_reach_the_recording(tmp_path):
    values = made.fame(300)
    values[0, 147:160] = NAN
    values[100:103, 40] = NAN  # a marker lost for three frames
    values[:, 78:82] = 0
    values[70, 110:134] = 0  # flicker inside the bend
    values[80:82, 115] = 1  # a second activity
    values[297:, :78] *= 0.2
    values = np.concatenate([values, np.ones((300, 2))], axis=1)
    made.save(tmp_path / "randomised P" / "P33_D.mat", values, "P33")
    (raw_file,) = emopain.find_files(tmp_path, "fame")
    recording, findings = emopain.read_file(raw_file)
    assert len(recording) == len(recording.raters) == 297
    assert {finding.rule for finding in findings} == {
        "extra_columns",
        "nan_rows",
        "collapsed_skeleton",
        "nan_first_energy_row",
        "stored_angles",
        "stored_energies",
        "overlapping_flags",
        "activity_flicker",
        "zero_semg",
    }
    sound = made.joints(297)
    np.testing.assert_allclose(recording.joints, sound, atol=0.2)
    assert (recording.activity[60:80] == 3).all()
    assert np.isfinite(recording.energies).all()


@pytest.mark.parametrize(
    "where, value, words",
    [
        (
            (slice(50, 90), 5),
            NAN,
            "positions is missing (NaN or infinite) in rows 51 to 90",
        ),
        ((slice(None), 30), NAN, "positions is missing"),
        ((slice(0, 9), 79), -1.0, "2% of the sEMG samples are negative"),
        ((40, 90), 0.5, "ratings holds 0.5"),
        ((40, 90), 3, "ratings holds 3"),
        ((40, 120), 2, "activity flags holds 2"),
        ((slice(None), slice(0, 78)), 0.0, "all joints lie on one point"),
        ((7, 3), 1e300, "positions reach 1e+300, beyond 10000"),
        ((7, 80), 1e30, "sEMG reach 1e+30, beyond 1e+06"),
        ((7, 90), 1e300, "ratings holds 1e+300"),
    ],
)
def test_faults_that_no_rule_repairs(tmp_path, where, value, words):
    values = made.fame()
    values[where] = value
    made.save(tmp_path / "randomised P" / "P33_D.mat", values)
    (raw_file,) = emopain.find_files(tmp_path, "fame")
    with pytest.raises(BadFileError) as caught:
        emopain.read_file(raw_file)
    assert words in str(caught.value)


def read(folder, values, layout, where=None, **options):
    """Saves one file and reads it; its findings come by rule."""
    made.save(folder / (where or WHERE[layout]), values, "data")
    return read_folder(folder, layout, **options)


def read_folder(folder, layout, **options):
    (raw_file,) = emopain.find_files(folder, layout)
    recording, findings = emopain.read_file(raw_file, **options)
    found = {finding.rule: finding for finding in findings}
    assert len(found) == len(findings)
    return recording, found


def refused(folder, values, layout, **options):
    """The one line that says why a file was refused."""
    with pytest.raises(BadFileError) as caught:
        read(folder, values, layout, **options)
    line = str(caught.value)
    assert line.startswith(str(folder)) and "\n" not in line
    assert caught.value.cure
    return line


def check_shapes(recording, frames, joints, raters):
    expected = {
        "angles": ((frames, 13), np.float32),
        "energies": ((frames, 13), np.float32),
        "semg": ((frames, 4), np.float32),
        "protective": ((frames,), np.int8),
        "pain_level": ((frames,), np.int8),
        "activity": ((frames,), np.int32),
        "activity_instance": ((frames,), np.int32),
        "raters": ((frames, raters, 7), np.uint8),
        "joints": ((frames, joints, 3), np.float32),
    }
    for name, (shape, dtype) in expected.items():
        array = getattr(recording, name)
        assert (array.shape, array.dtype) == (shape, dtype), name
    for name in ("angles", "energies", "semg", "joints"):
        assert np.isfinite(getattr(recording, name)).all(), name


def test_fame(tmp_path):
    values = made.fame()
    recording, found = read(tmp_path, values, "fame")
    check_shapes(recording, 120, 26, 4)
    assert (recording.name, recording.subject_id) == ("P33_D", "P33")
    assert (recording.group, recording.difficulty) == ("patient", "D")
    assert (recording.split, recording.simulated) == ("", False)
    np.testing.assert_allclose(recording.joints, made.joints(120), rtol=1e-6)
    np.testing.assert_allclose(recording.angles, values[:, 134:147], rtol=1e-5)
    np.testing.assert_allclose(
        recording.energies[1:], values[1:, 147:160], rtol=1e-4, atol=1e-6
    )
    assert not recording.energies[0].any()
    # Two of four raters marked something in rows 30 to 39, one elsewhere.
    assert np.flatnonzero(recording.protective).tolist() == list(range(30, 40))
    assert recording.raters[35].nonzero()[0].tolist() == [0, 2]
    assert (recording.pain_level == -1).all()
    at = [9, 10, 60, 100]
    assert recording.activity_instance[at].tolist() == [0, 1, 19, 0]
    assert recording.activity[at].tolist() == [0, 1, 3, 0]
    assert {name: f.action for name, f in found.items()} == {
        "nan_first_energy_row": "repaired",
        "stored_angles": "checked",
        "stored_energies": "checked",
    }


def test_fame_takes_the_last_matrix_and_any_name(tmp_path):
    values = made.fame()
    path = tmp_path / WHERE["fame"]
    made.save(path, {"id": 7.0, "old": values * 0, "P33_D": values})
    recording, found = read_folder(tmp_path, "fame")
    assert recording.protective.sum() == 10
    assert "'P33_D', not 'old'" in found["wrong_variable"].detail
    made.save(path, {"a": np.zeros((50, 9)), "xyz": values, "b": [1.0, 2.0]})
    assert "wrong_variable" not in read_folder(tmp_path, "fame")[1]


def test_fame_healthy(tmp_path):
    where = "randomised C/C63_N.mat"
    recording, found = read(tmp_path, made.fame(), "fame", where)
    assert recording.group == "healthy"
    assert not recording.pain_level.any() and not recording.protective.any()
    assert recording.raters.any()
    assert found["healthy_protective"].action == "repaired"


def test_stored_columns_that_differ_are_noted(tmp_path):
    values = made.fame()
    values[:, 134] = 99.0
    recording, found = read(tmp_path, values, "fame")
    assert recording.angles[:, 0].max() > 150
    detail = found["stored_angles"].detail
    assert found["stored_angles"].action == "noted"
    assert "left_full_body_flexion" in detail and "recomputed used" in detail
    values[:, 147:160] *= 60**2  # of another unit
    assert (
        read(tmp_path, values, "fame")[1]["stored_energies"].action == "noted"
    )


@pytest.mark.parametrize("appended", [False, True])
def test_coordinates(tmp_path, appended):
    values = made.coordinates(pain=2, appended=appended)
    recording, found = read(tmp_path, values, "coordinates")
    check_shapes(recording, 120, 22, 0)
    angles = joint_angles(made.joints(120, JOINTS_22), JOINTS_22)
    np.testing.assert_allclose(recording.angles, angles, rtol=1e-5)
    np.testing.assert_allclose(
        recording.energies, angle_energies(angles), rtol=1e-4, atol=1e-6
    )
    assert (recording.name, recording.subject_id) == ("P113D", "P113")
    assert (recording.split, recording.difficulty) == ("train", "D")
    assert (recording.pain_level == 2).all()
    assert recording.protective.sum() == 10
    assert recording.activity[[0, 10, 60]].tolist() == [0, 1, 3]
    assert not recording.activity_instance.any()
    actions = {name: f.action for name, f in found.items()}
    wanted = ("stored_angles", "stored_energies") if appended else ()
    assert actions == dict.fromkeys(wanted, "checked")


def test_appended_columns_of_the_usual_convention_are_noted(tmp_path):
    values = made.coordinates(appended=True)
    values[:, 78:91] = joint_angles(made.joints(120, JOINTS_22), JOINTS_22)
    recording, found = read(tmp_path, values, "coordinates")
    assert found["stored_angles"].action == "noted"
    assert recording.angles.max() < 181


def test_healthy_pain_is_zero_and_contradictions_are_noted(tmp_path):
    where = "validation/C67D.mat"
    values = made.coordinates(pain=-1)
    recording, found = read(tmp_path, values, "coordinates", where)
    assert not recording.pain_level.any()
    assert (recording.split, recording.group) == ("validation", "healthy")
    assert found["healthy_protective"].action == "noted"
    assert recording.protective.any()
    values[:, 71] = 2
    _, found = read(tmp_path, values, "coordinates", where)
    assert found["pain_level"].action == "noted"


def test_numbered_copy(tmp_path):
    for number in (1, 2, 10, 12, 13, 30):
        made.save(tmp_path / f"{number}.mat", made.coordinates(pain=-1))
    assert emopain.detect_layout(tmp_path) == "coordinates"
    files = emopain.find_files(tmp_path, "coordinates")
    assert [f.name for f in files] == ["C1", "C2", "C10", "C12", "P13", "P30"]
    assert {f.group for f in files[:4]} == {"healthy"}
    assert {f.split for f in files} == {f.difficulty for f in files} == {""}
    recording, _ = emopain.read_file(files[4])
    assert (recording.pain_level == -1).all()
    made.save(tmp_path / "31.mat", made.coordinates())
    files = emopain.find_files(tmp_path, "coordinates")
    (stray,) = [file for file in files if file.path.stem == "31"]
    with pytest.raises(BadFileError, match="its name is not"):
        emopain.read_file(stray)


def test_challenge(tmp_path):
    values = made.challenge()
    recording, found = read(tmp_path, values, "challenge2020")
    check_shapes(recording, 120, 0, 0)
    np.testing.assert_allclose(recording.angles, values[:, :13], rtol=1e-6)
    np.testing.assert_allclose(recording.energies, values[:, 13:26], rtol=1e-6)
    np.testing.assert_allclose(recording.semg, values[:, 26:30], rtol=1e-6)
    assert recording.protective.sum() == 10
    assert (recording.pain_level == 1).all()
    assert recording.activity[60] == 3
    assert {f.action for f in found.values()} == {"checked"}


def test_challenge_without_labels(tmp_path):
    values = made.challenge()[:, :30]
    where = "test/P1D.mat"
    recording, found = read(tmp_path, values, "challenge2020", where)
    assert recording.split == "test"
    assert (recording.protective == -1).all()
    assert (recording.pain_level == -1).all()
    assert not recording.activity.any()
    assert "exercise, pain, protective" in found["label_columns"].detail


def test_challenge_columns_can_be_moved(tmp_path):
    values = np.insert(made.challenge(), 30, 9.5, axis=1)[:, [*range(31), 33]]
    columns = emopain.parse_challenge_columns(
        "exercise=none, pain=none,protective=31"
    )
    assert columns == ChallengeColumns(None, None, 31)
    recording, found = read(
        tmp_path, values, "challenge2020", challenge_columns=columns
    )
    assert recording.protective.sum() == 10
    assert not recording.activity.any()
    assert "protective=31" in found["label_columns"].detail
    # Where the columns are not where they are said to be, this is not silent.
    assert "exercise holds 9.5" in refused(tmp_path, values, "challenge2020")
    # One column or two may be any of the three.
    for width in (31, 32):
        values = made.challenge()[:, :width]
        line = refused(tmp_path, values, "challenge2020")
        flag = "exercise=none,pain=none,protective=30"
        assert f"has {width} columns" in line and flag in line
    # Said by the user, the default columns are no guess.
    recording, found = read(
        *(tmp_path, values, "challenge2020"),
        challenge_columns=ChallengeColumns(),
    )
    assert recording.activity.any() and (recording.protective == -1).all()
    assert "no column for protective" in found["label_columns"].detail
    values = made.challenge()[:, [*range(30), 32]]
    columns = emopain.parse_challenge_columns(flag)
    options = {"challenge_columns": columns}
    recording, _ = read(tmp_path, values, "challenge2020", **options)
    assert recording.protective.sum() == 10 and not recording.activity.any()
    for text in ("pain", "pain=12", "ache=31", "pain=-1", "protective=30"):
        with pytest.raises(ConfigurationError, match="cannot read|two labels"):
            emopain.parse_challenge_columns(text)


def test_challenge_any_variable_but_data_first(tmp_path):
    values = made.challenge()
    path = tmp_path / WHERE["challenge2020"]
    made.save(path, values, "movement")
    _, found = read_folder(tmp_path, "challenge2020")
    assert "no 'data'" in found["wrong_variable"].detail
    made.save(path, {"data": values, "spare": values})
    assert "wrong_variable" not in read_folder(tmp_path, "challenge2020")[1]
    made.save(path, {"one": values, "two": values})
    with pytest.raises(BadFileError, match=r"several matrices \(one, two\)"):
        read_folder(tmp_path, "challenge2020")


def test_challenge_in_radians(tmp_path):
    values = made.challenge()
    degrees = values[:, :13].copy()
    values[:, :13] = np.radians(degrees)
    recording, found = read(tmp_path, values, "challenge2020")
    np.testing.assert_allclose(recording.angles, degrees, rtol=1e-5)
    np.testing.assert_allclose(
        recording.energies, angle_energies(degrees), rtol=1e-4, atol=1e-6
    )
    assert found["angle_unit"].action == "repaired"
    energies = values[:, 13:26].copy()
    for unit in (1, 1.05, np.radians(60), np.radians(1)):  # per second, too
        values[:, 13:26] = unit**2 * energies
        recording, found = read(tmp_path, values, "challenge2020")
        assert found["stored_energies"].action == "checked"
        assert recording.energies.max() == pytest.approx(energies.max(), 1e-4)
    assert "difference 0 " not in found["stored_energies"].detail
    values[:, 5] = 400.0
    assert "are no angles" in refused(tmp_path, values, "challenge2020")
    values = made.challenge()
    values[9, 20] = -3
    assert "are no energies" in refused(tmp_path, values, "challenge2020")


@pytest.mark.parametrize("columns", [None, 0])
def test_challenge_scaled_to_0_to_1(tmp_path, columns):
    values = made.challenge()
    angles = values[:, :13] - values[:, :13].min(axis=columns)
    values[:, :13] = angles / np.maximum(angles.max(axis=columns), 1e-9)
    for most in (1.0, 1.5):
        values[:, :13] *= most
        line = refused(tmp_path, values, "challenge2020")
        assert f"reach {most:g}, no degrees or radians" in line
    values[:, :13] /= 1.5
    values[:, 13:26] = angle_energies(values[:, :13])
    assert "no degrees" in refused(tmp_path, values, "challenge2020")


def test_bytes_behind_the_last_variable_are_noted(tmp_path):
    path = made.save(tmp_path / WHERE["challenge2020"], made.challenge())
    path.write_bytes(path.read_bytes() + b"end\n")
    _, found = read_folder(tmp_path, "challenge2020")
    assert found["bytes_behind"].detail == "4 bytes left out"


def test_matlab_73_reads_alike(tmp_path):
    values = made.coordinates()
    old, _ = read(tmp_path / "old", values, "coordinates")
    header = "MATLAB 7.3 MAT-file, SIMULATED by keras_pain"
    path = tmp_path / "new" / WHERE["coordinates"]
    made.save_73(path, {"data": values}, header)
    new, found = read_folder(tmp_path / "new", "coordinates")
    assert found["matlab_73"].action == "noted"
    assert new.simulated and not old.simulated
    for name in ("angles", "semg", "activity"):
        np.testing.assert_array_equal(getattr(new, name), getattr(old, name))


@pytest.mark.parametrize(
    "layout, width", [("fame", 160), ("coordinates", 78), ("challenge2020", 33)]
)
def test_shapes_that_do_not_fit(tmp_path, layout, width):
    full = getattr(made, layout.removesuffix("2020"))()
    assert full.shape == (120, width)
    assert "10 double" in refused(tmp_path, full[:, :10], layout)
    assert "has 0 rows" in refused(tmp_path, full[:0], layout)
    assert "has 1 rows" in refused(tmp_path, full[:1], layout)
    assert "holds no number" in refused(tmp_path, full * np.nan, layout)
    assert "complex" in refused(tmp_path, full * 1j, layout)
    assert "1x120x" in refused(tmp_path, full[None], layout)
    line = refused(tmp_path, np.repeat(full, 4, axis=0).T, layout)
    assert "rows and columns are exchanged" in line or "480" in line
    line = refused(tmp_path, made.fame(), "coordinates")
    assert "160 columns, as in layout fame" in line and "--layout=fame" in line
    line = refused(tmp_path, made.coordinates(), "challenge2020")
    assert "as in layout coordinates" in line
