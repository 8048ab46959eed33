"""Reading EmoPain files of the three layouts."""

import emopain_files as made
import numpy as np
import pytest

from keras_pain.corpora import emopain
from keras_pain.corpora.emopain import ChallengeColumns
from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.signals.kinematics import (
    JOINTS_22,
    angle_energies,
    joint_angles,
)

WHERE = {
    "fame": "randomised P/P33_D.mat",
    "coordinates": "train/P113D.mat",
    "challenge2020": "train/P113D.mat",
}


def read(folder, values, layout, where=None, **options):
    """Saves one file and reads it; its findings come by rule."""
    made.save(folder / (where or WHERE[layout]), values, "data")
    return read_folder(folder, layout, **options)


def read_folder(folder, layout, **options):
    (raw_file,) = emopain.find_files(folder, layout)
    recording, findings = emopain.read_file(raw_file, **options)
    rules = {finding.rule: finding for finding in findings}
    assert len(rules) == len(findings)
    return recording, rules


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
    recording, rules = read(tmp_path, values, "fame")
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
    assert {name: f.action for name, f in rules.items()} == {
        "nan_first_energy_row": "repaired",
        "stored_angles": "checked",
        "stored_energies": "checked",
    }


def test_fame_takes_the_last_matrix_and_any_name(tmp_path):
    values = made.fame()
    path = tmp_path / WHERE["fame"]
    made.save(path, {"id": 7.0, "old": values * 0, "P33_D": values})
    recording, rules = read_folder(tmp_path, "fame")
    assert recording.protective.sum() == 10
    assert "'P33_D', not 'old'" in rules["wrong_variable"].detail
    made.save(path, {"a": np.zeros((50, 9)), "xyz": values, "b": [1.0, 2.0]})
    assert "wrong_variable" not in read_folder(tmp_path, "fame")[1]


def test_fame_healthy(tmp_path):
    where = "randomised C/C63_N.mat"
    recording, rules = read(tmp_path, made.fame(), "fame", where)
    assert recording.group == "healthy"
    assert not recording.pain_level.any() and not recording.protective.any()
    assert recording.raters.any()
    assert rules["healthy_protective"].action == "repaired"


def test_stored_columns_can_be_taken(tmp_path):
    values = made.fame()
    values[:, 134] = 99.0
    recording, rules = read(tmp_path, values, "fame")
    assert recording.angles[:, 0].max() > 150
    detail = rules["stored_angles"].detail
    assert rules["stored_angles"].action == "noted"
    assert "left_full_body_flexion" in detail and "recomputed used" in detail
    recording, rules = read(tmp_path, values, "fame", angles_from="columns")
    assert (recording.angles[:, 0] == 99).all()
    assert "stored used" in rules["stored_angles"].detail
    with pytest.raises(ConfigurationError, match="angles_from must be"):
        read(tmp_path, values, "fame", angles_from="elsewhere")


def test_energies_of_another_unit_are_noted(tmp_path):
    values = made.fame()
    values[:, 147:160] *= 60**2
    _, rules = read(tmp_path, values, "fame")
    assert rules["stored_energies"].action == "noted"


@pytest.mark.parametrize("appended", [False, True])
def test_coordinates(tmp_path, appended):
    values = made.coordinates(pain=2, appended=appended)
    recording, rules = read(tmp_path, values, "coordinates")
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
    actions = {name: f.action for name, f in rules.items()}
    wanted = ("stored_angles", "stored_energies") if appended else ()
    assert actions == dict.fromkeys(wanted, "checked")


def test_appended_columns_of_the_usual_convention_are_noted(tmp_path):
    values = made.coordinates(appended=True)
    values[:, 78:91] = joint_angles(made.joints(120, JOINTS_22), JOINTS_22)
    recording, rules = read(tmp_path, values, "coordinates")
    assert rules["stored_angles"].action == "noted"
    assert recording.angles.max() < 181


def test_healthy_pain_is_zero_and_contradictions_are_noted(tmp_path):
    where = "validation/C67D.mat"
    values = made.coordinates(pain=-1)
    recording, rules = read(tmp_path, values, "coordinates", where)
    assert not recording.pain_level.any()
    assert (recording.split, recording.group) == ("validation", "healthy")
    assert rules["healthy_protective"].action == "noted"
    assert recording.protective.any()
    values[:, 71] = 2
    _, rules = read(tmp_path, values, "coordinates", where)
    assert rules["pain_level"].action == "noted"


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
    recording, rules = read(tmp_path, values, "challenge2020")
    check_shapes(recording, 120, 0, 0)
    np.testing.assert_allclose(recording.angles, values[:, :13], rtol=1e-6)
    np.testing.assert_allclose(recording.energies, values[:, 13:26], rtol=1e-6)
    np.testing.assert_allclose(recording.semg, values[:, 26:30], rtol=1e-6)
    assert recording.protective.sum() == 10
    assert (recording.pain_level == 1).all()
    assert recording.activity[60] == 3
    assert {f.action for f in rules.values()} == {"checked"}


def test_challenge_without_labels(tmp_path):
    values = made.challenge()[:, :30]
    where = "test/P1D.mat"
    recording, rules = read(tmp_path, values, "challenge2020", where)
    assert recording.split == "test"
    assert (recording.protective == -1).all()
    assert (recording.pain_level == -1).all()
    assert not recording.activity.any()
    assert "exercise, pain, protective" in rules["label_columns"].detail


def test_challenge_columns_can_be_moved(tmp_path):
    values = np.insert(made.challenge(), 30, 9.5, axis=1)[:, [*range(31), 33]]
    columns = emopain.parse_challenge_columns(
        "exercise=none, pain=none,protective=31"
    )
    assert columns == ChallengeColumns(None, None, 31)
    recording, rules = read(
        tmp_path, values, "challenge2020", challenge_columns=columns
    )
    assert recording.protective.sum() == 10
    assert not recording.activity.any()
    assert "protective=31" in rules["label_columns"].detail
    # Where the columns are not where they are said to be, this is not silent.
    assert "exercise holds 9.5" in refused(tmp_path, values, "challenge2020")
    for text in ("pain", "pain=12", "ache=31", "pain=-1"):
        with pytest.raises(ConfigurationError, match="cannot read"):
            emopain.parse_challenge_columns(text)


def test_challenge_any_variable_but_data_first(tmp_path):
    values = made.challenge()
    path = tmp_path / WHERE["challenge2020"]
    made.save(path, values, "movement")
    _, rules = read_folder(tmp_path, "challenge2020")
    assert "no 'data'" in rules["wrong_variable"].detail
    made.save(path, {"data": values, "spare": values})
    assert "wrong_variable" not in read_folder(tmp_path, "challenge2020")[1]
    made.save(path, {"one": values, "two": values})
    with pytest.raises(BadFileError, match=r"several matrices \(one, two\)"):
        read_folder(tmp_path, "challenge2020")


def test_challenge_in_radians(tmp_path):
    values = made.challenge()
    degrees = values[:, :13].copy()
    values[:, :13] = np.radians(degrees)
    recording, rules = read(tmp_path, values, "challenge2020")
    np.testing.assert_allclose(recording.angles, degrees, rtol=1e-5)
    np.testing.assert_allclose(
        recording.energies, angle_energies(degrees), rtol=1e-4, atol=1e-6
    )
    assert rules["angle_unit"].action == "repaired"
    values[:, 5] = 400.0
    assert "are no angles" in refused(tmp_path, values, "challenge2020")
    values = made.challenge()
    values[9, 20] = -3
    assert "are no energies" in refused(tmp_path, values, "challenge2020")


def test_matlab_73_reads_alike(tmp_path):
    values = made.coordinates()
    old, _ = read(tmp_path / "old", values, "coordinates")
    header = "MATLAB 7.3 MAT-file, SIMULATED by keras_pain"
    path = tmp_path / "new" / WHERE["coordinates"]
    made.save_73(path, {"data": values}, header)
    new, rules = read_folder(tmp_path / "new", "coordinates")
    assert rules["matlab_73"].action == "noted"
    assert new.simulated and not old.simulated
    for name in ("angles", "semg", "activity"):
        np.testing.assert_array_equal(getattr(new, name), getattr(old, name))


@pytest.mark.parametrize(
    "layout, width",
    [("fame", 160), ("coordinates", 78), ("challenge2020", 33)],
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


def test_files_of_the_neighbouring_layout(tmp_path):
    line = refused(tmp_path, made.fame(), "coordinates")
    assert "160 columns, as in layout fame" in line and "--layout=fame" in line
    line = refused(tmp_path, made.coordinates(), "challenge2020")
    assert "as in layout coordinates" in line
