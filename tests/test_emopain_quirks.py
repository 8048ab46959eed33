"""Each rule on arrays small enough to check by hand."""

import emopain_files as made
import numpy as np
import pytest

from keras_pain.corpora import emopain
from keras_pain.corpora.emopain import checks, quirks
from keras_pain.corpora.emopain.quirks import Refusal
from keras_pain.errors import BadFileError
from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)

NAN = np.nan


def column(*values):
    return np.array(values, float)[:, None]


def test_extra_columns():
    values, finding = quirks.extra_columns(np.ones((3, 7)), 5)
    assert values.shape == (3, 5)
    assert (finding.rule, finding.action) == ("extra_columns", "noted")
    assert "2 columns" in finding.detail
    assert quirks.extra_columns(np.ones((3, 5)), 5)[1] is None


def test_matlab_73_and_wrong_variable():
    assert quirks.matlab_73("7.3")[1].rule == "matlab_73"
    assert quirks.matlab_73("5")[1] is None
    assert quirks.wrong_variable("data", "data", ("x",))[1] is None
    assert quirks.wrong_variable("P3", None, ())[1] is None
    finding = quirks.wrong_variable("P3", "data", ())[1]
    assert "no 'data'" in finding.detail
    finding = quirks.wrong_variable("P3", None, ("P2",))[1]
    assert "'P3', not 'P2'" in finding.detail


def test_nan_rows_are_interpolated():
    values = column(NAN, 1, NAN, NAN, 4, np.inf)
    filled, finding = quirks.nan_rows(values, "sEMG", max_gap=2)
    assert filled[:, 0].tolist() == [1, 1, 2, 3, 4, 4]
    assert np.isnan(values[2, 0])  # the argument is left alone
    assert finding.action == "repaired" and "4 rows of sEMG" in finding.detail
    assert quirks.nan_rows(column(1, 2), "sEMG")[1] is None


def test_long_gaps_and_nothing_but_nan_are_refused():
    values = column(1, NAN, NAN, NAN, 5)
    with pytest.raises(Refusal) as caught:
        quirks.nan_rows(values, "sEMG", max_gap=2)
    assert "rows 2 to 4" in caught.value.problem
    assert quirks.nan_rows(values, "sEMG", max_gap=3)[1] is not None
    with pytest.raises(Refusal, match="only NaN"):
        quirks.nan_rows(column(NAN, NAN), "sEMG", max_gap=9)
    # Gaps of different columns do not add up.
    values = np.array([[1, NAN], [NAN, 1], [1, NAN], [NAN, 1]])
    assert quirks.nan_rows(values, "sEMG", max_gap=1)[1] is not None


def test_nan_first_energy_row():
    energies = np.array([[NAN, NAN], [1, 2.0]])
    repaired, finding = quirks.nan_first_energy_row(energies)
    assert repaired.tolist() == [[0, 0], [1, 2]]
    assert finding.rule == "nan_first_energy_row"
    assert quirks.nan_first_energy_row(repaired)[1] is None


def test_zero_semg():
    semg = np.ones((5, 4))
    assert quirks.zero_semg(semg)[1] is None
    semg[0] = 0  # a zero row is no lost probe
    assert quirks.zero_semg(semg)[1] is None
    semg[:, 2] = 0
    assert "upper right is zero" in quirks.zero_semg(semg, "refuse")[1].detail
    semg[:] = 0
    kept, finding = quirks.zero_semg(semg)
    assert kept is semg and finding.action == "noted"
    with pytest.raises(Refusal, match="all four"):
        quirks.zero_semg(semg, "refuse")


def test_negative_semg():
    semg = np.full((100, 4), 0.02)
    assert quirks.negative_semg(semg)[1] is None
    semg[3, 1] = -0.001
    repaired, finding = quirks.negative_semg(semg)
    assert repaired[3, 1] == 0 and repaired.sum() == pytest.approx(399 * 0.02)
    assert finding.detail.startswith("1 negative")
    with pytest.raises(Refusal, match="25% of the sEMG samples"):
        semg[:, 0] = -0.02
        quirks.negative_semg(semg)


@pytest.mark.parametrize("names", [JOINTS_26, JOINTS_22])
def test_collapsed_skeleton(names):
    sound = made.joints(60, names)
    kept, finding = quirks.collapsed_skeleton(sound, names)
    assert kept is sound and finding is None
    shrunk = sound.copy()
    shrunk[56:] *= np.array([0.95, 0.6, 0.3, 0.1])[:, None, None]
    kept, finding = quirks.collapsed_skeleton(shrunk, names)
    np.testing.assert_array_equal(kept, sound[:56])
    assert "rows 57 to 60 cut off" in finding.detail
    with pytest.raises(Refusal, match="one point"):
        quirks.collapsed_skeleton(sound * 0, names)


def test_a_crouch_is_no_collapse():
    joints = made.joints(60)
    # Folding at the knees moves joints together and keeps every bone.
    hip = joints[-1, :, 1] > 60
    joints[-1, hip, 1] -= 38
    knees = [JOINTS_26.index(f"{s}_lower_leg") for s in ("left", "right")]
    joints[-1, knees, 2] += 40
    assert quirks.collapsed_skeleton(joints, JOINTS_26)[1] is None


def test_integer_labels():
    labels, finding = quirks.integer_labels(np.array([0, 1, 2.0]), 0, 2, "x")
    assert labels.tolist() == [0, 1, 2] and finding is None
    assert labels.dtype == np.int64
    values = np.array([[NAN, 1.001], [2, NAN], [1, NAN], [0, 0]])
    labels, finding = quirks.integer_labels(values, 0, 2, "ratings")
    assert labels.tolist() == [[2, 1], [2, 1], [1, 1], [0, 0]]
    assert finding.detail == "ratings: 3 rows filled, 3 rows rounded"
    for wrong in (0.5, 3.0, -1.0):
        with pytest.raises(Refusal, match=f"flags holds {wrong:g}"):
            quirks.integer_labels(np.array([0, 1, wrong]), 0, 2, "flags")
    with pytest.raises(Refusal, match="rows 2 to 4"):
        values = np.array([0, NAN, NAN, NAN, 0])
        quirks.integer_labels(values, 0, 2, "flags", max_gap=2)


def test_overlapping_flags():
    flags = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 1]])
    instance, finding = quirks.overlapping_flags(flags)
    assert instance.tolist() == [0, 2, 2, 1]
    assert finding.detail.startswith("2 rows")
    assert quirks.overlapping_flags(flags[:2])[1] is None


@pytest.mark.parametrize(
    "before, after",
    [
        ("000111", "000111"),
        ("110111", "111111"),
        ("11011022", "11111122"),
        ("1120033", "1110033"),
        ("110101011", "111111111"),
        ("011122", "111122"),
        ("11221", "11222"),
        ("1100022", "1100022"),
        ("0123", "0123"),
        ("5", "5"),
    ],
)
def test_activity_flicker(before, after):
    values = np.array([int(digit) for digit in before])
    repaired, finding = quirks.activity_flicker(values)
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
    merged, finding = checks.merge_raters(raters, "patient")
    assert merged.tolist() == [0, 0, 1, 1, 0] and finding is None
    merged, finding = checks.merge_raters(raters, "healthy")
    assert not merged.any() and "2 protective rows" in finding.detail


def test_given_pain():
    levels = np.array([-1, 0, 2])
    pain, finding = checks.given_pain(levels, "healthy")
    assert pain.tolist() == [0, 0, 2] and "1 rows" in finding.detail
    pain, finding = checks.given_pain(levels, "patient")
    assert pain.tolist() == [-1, 0, 2] and "1 rows" in finding.detail
    assert checks.given_pain(np.array([-1, 1]), "patient")[1] is None


def test_stored_columns_of_nothing_but_nan():
    angles = np.full((9, 13), 90.0)
    _, finding = checks.stored_angles(angles * NAN, angles)
    assert finding.action == "noted" and "stored ones are NaN" in finding.detail


def test_rounded_positions_pass_the_check():
    # The tolerance must let one decimal pass, and nothing much coarser.
    joints = made.joints(2000)
    true = joint_angles(joints)
    fine, coarse = (joint_angles(joints.round(n)) for n in (1, 0))
    for compare, change in (
        (checks.stored_angles, lambda angles: angles),
        (checks.stored_energies, angle_energies),
    ):
        assert compare(change(true), change(fine))[1].action == "checked"
        assert compare(change(true), change(coarse))[1].action == "noted"


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
