"""Simulated EmoPain files: layouts, bytes, oddities, bad arguments."""

import collections

import h5py
import numpy as np
import pytest
import scipy.io

from keras_pain.corpora.emopain.layout import (
    ACTIVITIES,
    LAYOUTS,
    Challenge,
    Coordinates,
    Fame,
)
from keras_pain.corpora.emopain.simulation.matfiles import MARKER
from keras_pain.corpora.emopain.simulation.people import cast
from keras_pain.corpora.emopain.simulation.performance import perform
from keras_pain.corpora.emopain.simulation.quirks import (
    COLLAPSED_ROWS,
    QUIRKS,
    planted_quirks,
    spoiled,
)
from keras_pain.corpora.emopain.simulation.raters import merged
from keras_pain.corpora.emopain.simulation.tables import table_of
from keras_pain.corpora.emopain.simulator import NOTE, simulate
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)

J = {name: index for index, name in enumerate(JOINTS_26)}


def read(path):
    """`(table, variable)` of either file format, with public libraries."""
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            name = list(file)[-1]
            return file[name][()].T, name
    content = scipy.io.loadmat(path)
    name = list(content)[-1]
    return content[name], name


def relative_bytes(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The small corpus: tables by layout and path."""
    root = tmp_path_factory.mktemp("simulated")
    written = simulate(root, progress=False)
    assert written == sorted(root.rglob("*.mat"))
    return root, {
        layout: {
            path: read(path)
            for path in written
            if path.relative_to(root).parts[0] == layout
        }
        for layout in LAYOUTS
    }


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate(tmp_path / name, seed=seed, subjects=4, progress=False)
    first, second, other = (
        relative_bytes(tmp_path / name) for name in ("a", "b", "c")
    )
    assert first == second
    assert not set(first.values()) & set(other.values())
    # Running again into the same folder replaces files by themselves.
    simulate(tmp_path / "a", seed=3, subjects=4, progress=False)
    assert relative_bytes(tmp_path / "a") == first


def test_files_lie_where_the_owners_put_them(corpus):
    root, tables = corpus
    for layout in LAYOUTS:
        folders = collections.Counter(
            path.parent.name for path in tables[layout]
        )
        if layout == "fame":
            assert folders == {"randomised P": 7, "randomised C": 5}
        else:
            assert folders == {"train": 7, "validation": 5}
        for path in tables[layout]:
            letter = path.name[0]
            assert path.stem[-1] in "ND"
            assert path.stem[1:5].isdigit()
            assert ("_" in path.stem) == (layout == "fame")
            if layout == "fame":
                assert path.parent.name.endswith(letter)
        assert "SIMULATED" in (root / layout / NOTE).read_text()


def test_every_file_says_that_it_is_simulated(corpus):
    root, _ = corpus
    for path in root.rglob("*.mat"):
        text = path.read_bytes()[:116].decode("ascii")
        assert text.startswith(("MATLAB 5.0", "MATLAB 7.3"))
        assert MARKER in text


def test_fame_layout(corpus):
    names = set()
    for path, (table, name) in corpus[1]["fame"].items():
        names.add(name)
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
    assert len(names) == 12


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
        hip = table[:-COLLAPSED_ROWS, 22]
        standing = table[:-COLLAPSED_ROWS, Coordinates.exercise] == (
            ACTIVITIES.index("standing_still")
        )
        assert 78 < hip[standing].mean() < 106


def test_stored_angles_and_energies_follow_from_the_joints(corpus):
    for table, _ in corpus[1]["fame"].values():
        joints = table[:, Fame.positions].reshape(len(table), 3, 26)
        angles = joint_angles(joints.transpose(0, 2, 1))
        np.testing.assert_array_equal(table[:, Fame.angles], angles)
        np.testing.assert_array_equal(
            table[1:, Fame.energies], angle_energies(angles)[1:]
        )


def test_a_person_moves_alike_in_every_layout(corpus):
    _, tables = corpus
    by_crown = {}
    for table, _ in tables["fame"].values():
        by_crown[tuple(table[100, [25, 51, 77]])] = table
    for table, _ in tables["coordinates"].values():
        fame = by_crown[tuple(table[100, [21, 43, 65]])]
        kept = [J[name] for name in JOINTS_22]
        for axis in range(3):
            np.testing.assert_array_equal(
                table[:, 22 * axis : 22 * (axis + 1)],
                fame[:, [26 * axis + joint for joint in kept]],
            )
        ratings = fame[:, Fame.raters].reshape(-1, 4, 7)
        np.testing.assert_array_equal(
            table[:, Coordinates.protective], merged(ratings)
        )
    angles = {
        tuple(table[100, Fame.angles]): table
        for table, _ in tables["fame"].values()
    }
    for table, _ in tables["challenge2020"].values():
        fame = angles[tuple(table[100, Challenge.angles])]
        np.testing.assert_array_equal(
            table[:, Challenge.angles], fame[:, Fame.angles]
        )
    ids = [{path.name[:5] for path in tables[layout]} for layout in LAYOUTS]
    assert len(ids[0] & ids[1]) < 2 and len(ids[1] & ids[2]) < 2


def test_planted_quirks_are_in_the_small_files(corpus):
    root, tables = corpus
    fame = tables["fame"]
    wide = [t for t, _ in fame.values() if t.shape[1] > Fame.num_columns]
    silent = [
        path for path, (t, _) in fame.items() if not t[:, Fame.semg].any()
    ]
    assert len(wide) == 1
    assert len(silent) == 1 and silent[0].name.startswith("P")
    for layout in LAYOUTS:
        modern = [path for path in tables[layout] if h5py.is_hdf5(path)]
        assert len(modern) == 1
        with pytest.raises(NotImplementedError):
            scipy.io.loadmat(modern[0])
        with h5py.File(modern[0]) as file:
            assert file.userblock_size == 512
            matrix = file[list(file)[0]]
            assert matrix.attrs["MATLAB_class"] == b"double"
            assert matrix.shape[0] < matrix.shape[1]
        note = (root / layout / NOTE).read_text()
        assert f"{modern[0].name}: matlab_7_3" in note
    collapsed = [
        np.ptp(t[-1, 26:52]) < 0.4 * np.ptp(t[-10, 26:52])
        for t, _ in fame.values()
    ]
    assert sum(collapsed) == 1
    flickers = 0
    for table, _ in tables["challenge2020"].values():
        exercise = table[:, 30]
        flickers += np.sum(
            (exercise[1:-1] != exercise[:-2]) & (exercise[2:] == exercise[:-2])
        )
    assert flickers >= 6


def test_quirks_of_the_full_scale():
    people = cast("full", 0)
    seen = set()
    for layout in LAYOUTS:
        planted = planted_quirks(people, layout, "full")
        assert len(planted) == 46
        seen |= {name for names in planted.values() for name in names}
    assert seen == set(QUIRKS)

    planted = planted_quirks(people, "coordinates", "full")
    person = next(
        p for p in people if "appended_columns" in planted[p.number, "N"]
    )
    quirks = ("appended_columns", "pain_not_reported", "zero_semg")
    short = perform(person, "N", "small", 0)
    table = table_of(spoiled(short, quirks, 0), "coordinates", quirks)
    assert table.shape[1] == 104
    angles = np.deg2rad(180 - joint_angles(short.joints))
    np.testing.assert_allclose(table[:, 78:91], angles)
    np.testing.assert_allclose(
        table[1:, 91:], (60 * np.diff(angles, axis=0)) ** 2
    )
    assert not table[0, 91:].any()
    assert (table[:, Coordinates.pain] == -1).all()
    assert not table[:, Coordinates.semg].any()


def test_fewer_subjects_keep_groups_and_splits(tmp_path):
    whole = {p.number: p for p in cast("full", 0)}
    for subjects in (4, 7, 30):
        people = cast("full", 0, subjects)
        assert len(people) == subjects
        cells = {(p.split, p.group) for p in people}
        assert len(cells) >= 4 and ("train", "healthy") in cells
        for person in people:
            assert person.frames == whole[person.number].frames
    written = simulate(
        tmp_path, layout="challenge2020", subjects=5, progress=False
    )
    assert len(written) == 5
    assert {path.parts[-3] for path in written} == {"challenge2020"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"layout": "fame2"},
        {"scale": "huge"},
        {"seed": -1},
        {"subjects": 3},
        {"subjects": 13},
        {"with_test": True},
    ],
)
def test_arguments_that_do_not_fit(tmp_path, arguments):
    with pytest.raises(ConfigurationError) as error:
        simulate(tmp_path, progress=False, **arguments)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_never_mixes_with_other_recordings(tmp_path):
    folder = tmp_path / "challenge2020" / "train"
    folder.mkdir(parents=True)
    real = folder / "P1D.mat"
    real.write_bytes(b"MATLAB 5.0 MAT-file, of somebody")
    with pytest.raises(ConfigurationError, match="already holds"):
        simulate(tmp_path, subjects=4, progress=False)
    assert real.read_bytes().endswith(b"somebody")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [real]


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scipy.io, "savemat", full)
    with pytest.raises(KerasPainError, match="No space left") as error:
        simulate(tmp_path, layout="fame", subjects=4, progress=False)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.part"))


def test_skeletons_are_drawn(corpus, tmp_path):
    import matplotlib.pyplot as plt

    from keras_pain.reports import skeleton

    table, _ = next(iter(corpus[1]["coordinates"].values()))
    joints = table[:, Coordinates.positions].reshape(len(table), 3, 22)
    joints = joints.transpose(0, 2, 1)
    _, ax = plt.subplots()
    lines = skeleton.draw_skeleton(joints[0], ax)
    drawn = sum(len(line.get_xdata()) for line in lines)
    assert drawn >= len(JOINTS_22)
    plt.close("all")
    path = tmp_path / "strip.png"
    skeleton.plot_recording_strip(joints, [0, 60, 120], path, title="Bend")
    assert path.stat().st_size > 5_000
    movie = tmp_path / "movie.gif"
    skeleton.animate_skeleton(joints[:60], 10, movie)
    assert movie.read_bytes().startswith(b"GIF")
    with pytest.raises(ValueError, match="26 or 22"):
        skeleton.draw_skeleton(joints[0, :5], None)
    assert not plt.get_fignums()
