"""Simulated EmoPain: what people do, and the files that say so."""

import collections

import h5py
import numpy as np
import pytest
import scipy.io
from numpy.testing import assert_array_equal as same

from keras_pain.corpora.emopain.layout import (
    ACTIVITIES,
    BEHAVIOURS,
    LAYOUTS,
    Challenge,
    Coordinates,
    Fame,
)
from keras_pain.corpora.mat import SIMULATED_MARK
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.signals import kinematics
from keras_pain.signals.kinematics import JOINTS_22, JOINTS_26, joint_angles
from keras_pain.simulate import emopain, simulator_of
from keras_pain.simulate import simulate as simulate_corpus
from keras_pain.simulate.emopain import merged, simulate, simulate_recording
from keras_pain.simulate.motion import COLUMN
from keras_pain.simulate.movers import draw_people, ids_of

J = {name: index for index, name in enumerate(JOINTS_26)}
BONES = """
left_upper_leg left_lower_leg right_lower_leg right_ankle left_upper_arm
left_lower_arm right_lower_arm right_wrist left_shoulder left_upper_arm hip
spine spine_1 neck head crown
""".split()
FEET = [J[f"{s}_{p}"] for s in ("left", "right") for p in ("heel", "toes")]


def rows_of(recording, activity):
    return recording.activity == ACTIVITIES.index(activity)


def by_group(recordings, measure):
    """What a function measures in each recording, of both groups."""
    return [
        [measure(r) for r in recordings if r.person.group == group]
        for group in ("healthy", "patient")
    ]


def read(path):
    """`(table, variable)` of either file format, with public libraries."""
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            name = list(file)[-1]
            return file[name][()].T, name
    name, table = list(scipy.io.loadmat(path).items())[-1]
    return table, name


def files_of(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The small corpus: tables by layout and path."""
    root = tmp_path_factory.mktemp("simulated")
    written = simulate(root, progress=False)
    assert written == sorted(root.rglob("*.mat"))
    return root, {
        name: {p: read(p) for p in written if root / name in p.parents}
        for name in LAYOUTS
    }


def test_same_seed_same_bytes(tmp_path):
    found = []
    # Running again into the same folder replaces files by themselves.
    for name, seed in zip("abca", (3, 3, 4, 3), strict=True):
        simulate(tmp_path / name, seed=seed, subjects=4, progress=False)
        found.append(files_of(tmp_path / name))
    first, second, other, again = found
    assert first == second == again
    assert not set(first.values()) & set(other.values())


def test_files_lie_where_the_owners_put_them_and_say_simulated(corpus):
    root, tables = corpus
    for layout in LAYOUTS:
        fame = layout == "fame"
        names = "randomised P,randomised C" if fame else "train,validation"
        folders = collections.Counter(p.parent.name for p in tables[layout])
        assert folders == dict(zip(names.split(","), (7, 5), strict=True))
        for path in tables[layout]:
            assert path.stem[-1] in "ND" and path.stem[1:5].isdigit()
            assert ("_" in path.stem) == fame
            assert not fame or path.parent.name.endswith(path.name[0])
            text = path.read_bytes()[:116].decode("ascii")
            assert text.startswith(("MATLAB 5.0", "MATLAB 7.3"))
            assert SIMULATED_MARK.decode() in text
        assert "SIMULATED" in (root / layout / "SIMULATED.txt").read_text()


def test_fame_layout(corpus):
    for path, (table, name) in corpus[1]["fame"].items():
        assert table.dtype == np.float64
        assert table.shape[1] >= Fame.num_columns
        assert 4_000 < len(table) < 9_000
        assert np.isnan(table[0, Fame.energies]).all()
        assert np.isfinite(table[1:]).all()
        raters = table[:, Fame.raters]
        assert set(np.unique(raters)) <= {0, 1, 2}
        flags = table[:, Fame.activities]
        assert set(np.unique(flags)) == {0, 1}
        assert flags.sum(axis=1).max() == 1
        if path.name.startswith("C"):
            assert (raters > 0).mean() < 0.001
        if not h5py.is_hdf5(path):
            # After the header, the version and the globals.
            assert list(scipy.io.loadmat(path)).index(name) == 3
    assert len({name for _, name in corpus[1]["fame"].values()}) == 12


def test_coordinates_and_challenge_layouts(corpus):
    pain = collections.defaultdict(set)
    for layout, width in (("coordinates", 78), ("challenge2020", 33)):
        first = width - 8 if layout == "coordinates" else 30
        for path, (table, name) in corpus[1][layout].items():
            assert name == Coordinates.key == Challenge.key
            assert table.shape[1] == width
            exercise, level, protective = table[:, first : first + 3].T
            assert set(np.unique(exercise)) <= set(range(len(ACTIVITIES)))
            assert len(np.unique(exercise)) == len(ACTIVITIES)
            assert set(np.unique(protective)) <= {0, 1}
            pain[path.parent.name, path.name[0]] |= set(np.unique(level))
    for split in ("train", "validation"):
        assert pain[split, "P"] == {1, 2}
        assert pain[split, "C"] == {0}


def test_signals_are_in_their_ranges(corpus):
    for table, _ in corpus[1]["challenge2020"].values():
        angles = table[:, Challenge.angles]
        assert angles.min() > 5 and angles.max() <= 180
        semg = table[:, Challenge.semg]
        assert semg.min() > 0
        assert 0.008 < np.median(semg) < 0.06
        assert np.quantile(semg, 0.99) < 0.2
    for table, _ in corpus[1]["coordinates"].values():
        hip = table[: -emopain.COLLAPSED_ROWS, 22]
        exercise = table[: -emopain.COLLAPSED_ROWS, Coordinates.exercise]
        stands = exercise == ACTIVITIES.index("standing_still")
        assert 78 < hip[stands].mean() < 106


def test_stored_angles_and_energies_follow_from_the_joints(corpus):
    for table, _ in corpus[1]["fame"].values():
        joints = table[:, Fame.positions].reshape(len(table), 3, 26)
        angles = joint_angles(joints.transpose(0, 2, 1))
        same(table[:, Fame.angles], angles)
        energies = kinematics.angle_energies(angles)
        same(table[1:, Fame.energies], energies[1:])


def test_a_person_moves_alike_in_every_layout(corpus):
    _, tables = corpus
    by_crown, by_angles = {}, {}
    for table, _ in tables["fame"].values():
        by_crown[tuple(table[100, [25, 51, 77]])] = table
        by_angles[tuple(table[100, Fame.angles])] = table
    kept = [26 * axis + J[name] for axis in range(3) for name in JOINTS_22]
    for table, _ in tables["coordinates"].values():
        fame = by_crown[tuple(table[100, [21, 43, 65]])]
        same(table[:, :66], fame[:, kept])
        ratings = fame[:, Fame.raters].reshape(-1, 4, 7)
        same(table[:, Coordinates.protective], merged(ratings))
    for table, _ in tables["challenge2020"].values():
        fame = by_angles[tuple(table[100, Challenge.angles])]
        same(table[:, Challenge.angles], fame[:, Fame.angles])
    ids = [{path.name[:5] for path in tables[layout]} for layout in LAYOUTS]
    assert len(ids[0] & ids[1]) < 2 and len(ids[1] & ids[2]) < 2


def test_planted_quirks_are_in_the_small_files(corpus):
    root, tables = corpus
    fame = {path: table for path, (table, _) in tables["fame"].items()}
    assert sum(t.shape[1] > Fame.num_columns for t in fame.values()) == 1
    (silent,) = [path for path, t in fame.items() if not t[:, Fame.semg].any()]
    assert silent.name.startswith("P")
    for layout in LAYOUTS:
        (modern,) = [path for path in tables[layout] if h5py.is_hdf5(path)]
        with pytest.raises(NotImplementedError):
            scipy.io.loadmat(modern)
        with h5py.File(modern) as file:
            assert file.userblock_size == 512
            matrix = file[list(file)[0]]
            assert matrix.attrs["MATLAB_class"] == b"double"
            assert matrix.shape[0] < matrix.shape[1]
        note = (root / layout / "SIMULATED.txt").read_text()
        assert f"{modern.name}: matlab_7_3" in note
    heights = [np.ptp(t[[-1, -10], 26:52], axis=1) for t in fame.values()]
    assert sum(last < 0.4 * before for last, before in heights) == 1
    flickers = 0
    for table, _ in tables["challenge2020"].values():
        before, row, after = table[:-2, 30], table[1:-1, 30], table[2:, 30]
        flickers += np.sum((row != before) & (after == before))
    assert flickers >= 6


def test_quirks_of_the_full_scale():
    people = draw_people("full", 0)
    seen = set()
    for layout in LAYOUTS:
        planted = emopain.planted_quirks(people, layout, "full")
        assert len(planted) == 46
        seen |= {name for names in planted.values() for name in names}
    assert seen == set(emopain.QUIRKS)

    planted = emopain.planted_quirks(people, "coordinates", "full")
    number = next(n for (n, d), q in planted.items() if "appended_columns" in q)
    quirks = ("appended_columns", "pain_not_reported", "zero_semg")
    short = simulate_recording(people[number], "N", "small", 0)
    odd = emopain.with_quirks(short, quirks, 0)
    table = emopain.table_of(odd, "coordinates", quirks)
    assert table.shape[1] == 104
    angles = np.deg2rad(180 - joint_angles(short.joints))
    np.testing.assert_allclose(table[:, 78:91], angles)
    speed = 60 * np.diff(angles, axis=0)
    np.testing.assert_allclose(table[1:, 91:], speed**2)
    assert not table[0, 91:].any()
    assert (table[:, Coordinates.pain] == -1).all()
    assert not table[:, Coordinates.semg].any()


def test_fewer_subjects_keep_groups_and_splits(tmp_path):
    whole = {p.number: p for p in draw_people("full", 0)}
    for subjects in (4, 7, 30):
        people = draw_people("full", 0, subjects)
        assert len(people) == subjects
        cells = {(p.split, p.group) for p in people}
        assert len(cells) >= 4 and ("train", "healthy") in cells
        for person in people:
            assert person.frames == whole[person.number].frames
    options = {"layout": "challenge2020", "progress": False}
    written = simulate(tmp_path, subjects=5, **options)
    assert len(written) == 5
    assert {path.parts[-3] for path in written} == {"challenge2020"}


@pytest.mark.parametrize(
    ("argument", "value"),
    [("layout", "fame2"), ("scale", "huge"), ("seed", -1), ("subjects", 3)]
    + [("subjects", 13), ("with_test", True)],
)
def test_arguments_that_do_not_fit(tmp_path, argument, value):
    with pytest.raises(ConfigurationError, match=argument) as error:
        simulate(tmp_path, progress=False, **{argument: value})
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_never_mixes_with_other_recordings(tmp_path):
    folder = tmp_path / "challenge2020" / "train"
    folder.mkdir(parents=True)
    real = folder / "P1D.mat"
    real.write_bytes(b"MATLAB 5.0 MAT-file, of somebody")
    notes = tmp_path / "fame" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("anything but recordings may be there")
    with pytest.raises(ConfigurationError, match="other recordings .P1D.mat"):
        simulate(tmp_path, subjects=4, progress=False)
    assert real.read_bytes().endswith(b"somebody")
    left = {"challenge2020/train/P1D.mat", "fame/notes.txt"}
    assert set(files_of(tmp_path)) == left
    simulate(tmp_path, layout="fame", subjects=4, progress=False)
    assert notes.exists()


def test_simulators_are_found_by_the_corpus_name(tmp_path):
    assert simulator_of("emopain").simulate is simulate
    with pytest.raises(ConfigurationError, match="has no simulator"):
        simulator_of("ui_prmd")
    with pytest.raises(ConfigurationError, match="frames does not apply"):
        simulate_corpus("emopain", tmp_path, frames=3)


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scipy.io, "savemat", full)
    with pytest.raises(KerasPainError, match="No space left") as error:
        simulate(tmp_path, layout="fame", subjects=4, progress=False)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.tmp-*"))


def test_skeletons_are_drawn(corpus, tmp_path, drawn):
    import matplotlib.pyplot as plt

    from keras_pain.explain import figures

    table, _ = next(iter(corpus[1]["coordinates"].values()))
    joints = table[:, Coordinates.positions].reshape(len(table), 3, 22)
    joints = joints.transpose(0, 2, 1)
    path = tmp_path / "strip.png"
    figures.plot_recording_strip(joints, [0, 60, 120], "Bend", path)
    assert path.stat().st_size > 5_000
    *lines, _ground = drawn[0].axes[0].lines
    assert sum(len(line.get_xdata()) for line in lines) >= 3 * len(JOINTS_22)
    movie = tmp_path / "movie.gif"
    figures.animate_skeleton(joints[:60], 10, movie)
    assert movie.read_bytes().startswith(b"GIF")
    with pytest.raises(ValueError, match="26 or 22"):
        figures.plot_recording_strip(joints[:, :5], [0], "Bend", path)
    assert not plt.get_fignums()


# What people do


@pytest.fixture(scope="module")
def recordings():
    """Every recording of the full corpus; joints in single precision."""
    kept = []
    for person in draw_people("full", 0):
        for difficulty in person.frames:
            recording = simulate_recording(person, difficulty, "full", 0)
            recording.joints = recording.joints.astype(np.float32)
            kept.append(recording)
    return kept


def test_bones_keep_their_length(recordings):
    for recording in recordings[::6]:
        starts, ends = (
            recording.joints[:, [J[name] for name in names]]
            for names in (BONES[::2], BONES[1::2])
        )
        length = np.linalg.norm(starts - ends, axis=2)
        assert np.ptp(length, axis=0).max() < 2e-3


def test_feet_stand_on_the_floor_and_do_not_slide(recordings):
    for recording in recordings[::6]:
        lowest = recording.joints[:, FEET, 1].min(axis=1)
        assert np.abs(lowest).max() < 1e-3
        still = rows_of(recording, "standing_still")
        sole = recording.joints[still][:, FEET].mean(axis=1)
        step = np.linalg.norm(np.diff(sole[:, [0, 2]], axis=0), axis=1)
        assert np.median(step) < 0.05


def test_knees_are_bent_when_sitting_and_straight_when_standing(recordings):
    for recording in recordings[::4]:
        knees = joint_angles(recording.joints)[:, 4:6]
        sits = rows_of(recording, "sitting_still")
        stands = rows_of(recording, "standing_still")
        assert abs(np.median(knees[sits]) - 90) < 8
        assert np.median(knees[stands]) > 160
        hip = recording.joints[:, J["hip"], 1]
        assert hip[sits].mean() < hip[stands].mean() - 30


def test_movement_is_smooth_unless_it_is_abrupt(recordings):
    abrupt = BEHAVIOURS.index("jerky_motion")
    for recording in recordings[::5]:
        angles = joint_angles(recording.joints)
        assert np.isfinite(angles).all()
        jumps = np.abs(np.diff(angles, axis=0))
        calm = recording.strengths[1:, abrupt] == 0
        assert jumps[calm].max() < 9


def test_a_bend_bends(recordings):
    def measure(recording):
        joints = recording.joints[recording.instance == COLUMN["Bend 1"]]
        wrists = joints[:, [J["left_wrist"], J["right_wrist"]], 1].mean(axis=1)
        return wrists[0] - wrists.min(), joint_angles(joints)[:, 2].min()

    healthy, patient = map(np.array, by_group(recordings, measure))
    assert healthy[:, 0].min() > 35 and healthy[:, 1].max() < 140
    # Guarding takes range.
    assert patient[:, 0].mean() < healthy[:, 0].mean() - 8
    assert patient[:, 1].mean() > healthy[:, 1].mean() + 5


def test_walking_walks(recordings):
    for recording in recordings[::5]:
        rows = rows_of(recording, "walking")
        ankles = recording.joints[rows][:, [J["left_ankle"], J["right_ankle"]]]
        apart = ankles[:, 0] - ankles[:, 1]
        hip = recording.joints[rows, J["hip"]][:, [0, 2]]
        way = np.linalg.norm(np.diff(hip, axis=0), axis=1).sum() / 100
        speed = way / (rows.sum() / 60)
        assert 0.2 < speed < 1.8
        assert np.linalg.norm(apart[:, [0, 2]], axis=1).max() > 25


def test_flexion_relaxation_in_healthy_people_only(recordings):
    def deep_to_half(recording):
        rows = recording.instance == COLUMN["Bend 1"]
        inner = joint_angles(recording.joints[rows])[:, 2:4].mean(axis=1)
        lumbar = recording.semg[rows, :2].mean(axis=1)
        depth = (inner.max() - inner) / np.ptp(inner)
        deep = np.median(lumbar[depth > 0.95])
        half = np.median(lumbar[(depth > 0.45) & (depth < 0.8)])
        return deep / half

    healthy, patient = by_group(recordings, deep_to_half)
    assert np.median(healthy) < 0.7 and np.median(patient) > 0.9
    assert min(patient) > max(healthy)


def test_resting_muscles_are_tenser_in_patients(recordings):
    def rest(recording):
        stands = rows_of(recording, "standing_still")
        return np.median(recording.semg[stands, :2])

    healthy, patient = by_group(recordings, rest)
    assert np.median(patient) > 1.2 * np.median(healthy)


def intraclass_correlation(marks):
    """ICC(2,1) and ICC(2,k) of `(targets, raters)`, Shrout and Fleiss."""
    targets, raters = marks.shape
    mean = marks.mean()
    rows = raters * np.sum((marks.mean(axis=1) - mean) ** 2) / (targets - 1)
    columns = targets * np.sum((marks.mean(axis=0) - mean) ** 2)
    total = np.sum((marks - mean) ** 2)
    error = total - rows * (targets - 1) - columns
    error /= (targets - 1) * (raters - 1)
    columns /= raters - 1
    spread = (columns - error) / targets
    single = (rows - error) / (rows + (raters - 1) * error + raters * spread)
    return single, (rows - error) / (rows + spread)


def test_raters_disagree_as_measured(recordings):
    ratings = np.concatenate(
        [r.ratings for r in recordings if r.person.group == "patient"]
    )
    guarding = (ratings[:, :, 0] > 0).mean(axis=0)
    np.testing.assert_allclose(guarding, [0.04, 0.22, 0.10, 0.29], atol=0.06)
    assert guarding[0] < guarding[2] < guarding[1] < guarding[3]
    assert (ratings[:, 1] == 1).mean() < 0.001
    assert (ratings[:, 1] == 2).any()
    marks = (ratings > 0).any(axis=2).astype(float)
    single, average = intraclass_correlation(marks)
    assert 0.14 < single < 0.29
    assert 0.40 < average < 0.63


def test_protective_share(recordings):
    share = collections.defaultdict(list)
    for recording in recordings:
        person, positive = recording.person, merged(recording.ratings)
        share[person.group].append(positive)
        if person.group == "patient":
            for key in (recording.difficulty, person.split, person.pain_level):
                share[key].append(positive)
    share = {key: np.concatenate(value).mean() for key, value in share.items()}
    assert 0.06 < share["patient"] < 0.20
    assert share["healthy"] < 0.01
    assert share["D"] > 1.2 * share["N"]
    assert share[2] > 1.2 * share[1]
    assert share["validation"] < 0.7 * share["train"]


def test_full_corpus_has_the_size_of_the_real_one(recordings):
    healthy, patient = by_group(recordings, lambda r: len(r.joints))
    assert len(recordings) == 46
    assert abs(sum(patient) / 473_210 - 1) < 0.05
    assert abs(sum(healthy) / 216_000 - 1) < 0.05
    people = draw_people("full", 0)
    cells = [(p.split, p.group, len(p.frames)) for p in people]
    cells = collections.Counter(cells)
    assert cells["train", "patient", 2] == 6
    assert sum(n for (s, _, _), n in cells.items() if s == "train") == 16
    assert sum(p.group == "patient" for p in people) == 18
    for layout in LAYOUTS:
        assert len(set(ids_of(people, layout, 0).values())) == 30
