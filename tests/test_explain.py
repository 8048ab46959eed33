"""Figures and checks of a finished fold, and what `explain` refuses."""

import dataclasses
import types

import keras
import numpy as np
import pytest
from fake_faces import fake_store
from fake_recordings import make_windows
from scripts import rows_of
from small_aacsfnet import small

from keras_pain.cli import main
from keras_pain.data.clips import cut_clips
from keras_pain.data.windows import CHANNEL_NAMES, arranged
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.folds import FoldData
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.experiments.runner import fold_seed
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.explain.figures import (
    CheckPanel,
    MapPanel,
    body_sites,
    plot_activity_maps,
    plot_body_weights,
    reading,
)
from keras_pain.explain.maps import explanations
from keras_pain.explain.run import FaceFold, FinishedFold, Gallery, explain_fold
from keras_pain.explain.sanity import Similarity
from keras_pain.reports.figures import STYLE
from keras_pain.reproduction.explain import (
    ExplainOptions,
    choose_folds,
    pictures_of,
)
from keras_pain.signals.kinematics import ANGLE_NAMES, JOINTS_26

FRAMES = 24
SIDES = "lower right", "lower left", "upper right", "upper left"
PROBES = [f"sEMG {side}" for side in SIDES]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Small pictures, which are soon drawn."""
    monkeypatch.setitem(STYLE, "savefig.dpi", 40)


def random_windows(seed=0):
    y = np.arange(16) % 2
    x = np.random.default_rng(seed).normal(size=(16, FRAMES, 30))
    x[y == 1, :, 26] += 2  # the first sEMG channel tells
    return make_windows(
        x.astype(np.float32),
        y,
        start=np.arange(16) * 5,
        activity=np.arange(16, dtype=np.int32) // 2 % 3,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A fold of L-SFAN, with its channels in L-SFAN's order."""
    train, test = (arranged(random_windows(s), "semg_first") for s in (0, 1))
    method = resolve_method("lsfan", epochs=2)
    method.fit(train, train, fold_seed(0, 3))
    folder = tmp_path_factory.mktemp("fold")
    method.save(folder)
    result = types.SimpleNamespace(
        path=folder,
        config={
            "dataset": {"windows": {"cut": "lsfan_windows"}},
            "method": {"epochs": 2, "arguments": {}},
        },
        result={"fold_number": 3},
    )
    joints = np.random.default_rng(2).uniform(0, 170, (120, 26, 3))
    recording = {"joints": joints, "angles": np.zeros((120, 13))}
    return FinishedFold(
        key=FoldKey("loso", "leak_free", "lsfan", 0, "P1"),
        result=result,
        data=FoldData(train, train, train, test),
        raw_test=test,
        recordings={"P1_N": recording},
        simulated=True,
    )


def test_every_map_is_drawn_and_checked(finished, tmp_path, drawn):
    steps = []
    explained = explain_fold(
        finished, tmp_path, ExplainOptions(), lambda *step: steps.append(step)
    )
    expected = {
        f"{name}_{what}_SIMULATED.png"
        for name in ("self_attention", "grad_cam", "hires_cam")
        for what in ("window", "per_class", "per_activity", "checks")
    } | {"hires_cam_skeleton_SIMULATED.png", "checks_SIMULATED.csv"}
    written = {path.name for path in tmp_path.iterdir()}
    assert expected <= written
    assert {path.name for path in explained.paths} == written
    assert [done for _, done, _ in steps] == list(range(steps[0][2]))
    rows = rows_of(tmp_path / "checks_SIMULATED.csv")
    for row in rows:
        # Trained again from the same seed on the same labels it is the same
        # network, so only the permuted labels make the difference.
        if row["change"] in ("as trained", "true labels, 2 epochs"):
            if row["compared"] != "0":
                assert float(row["spearman"]) > 0.999, row
    changes = {row["change"] for row in rows}
    assert {"conv 1", "permuted labels, 2 epochs"} <= changes
    (note,) = explained.notes
    assert "HiResCAM: probabilities " in note and "\n" not in note
    heats = [f for f in drawn if "HiResCAM\non" in f.get_suptitle()]
    # Titles call methods as papers do.
    assert heats[0].get_suptitle().startswith("SIMULATED: L-SFAN, fold P1: ")
    titles = [t for f in drawn if "sanity" in (t := f.get_suptitle())]
    whose = "SIMULATED: L-SFAN: sanity checks of "
    assert len(titles) == 3 and all(t.startswith(whose) for t in titles)
    labels = [t.get_text() for t in heats[0].axes[0].get_yticklabels()]
    assert labels[:4] == PROBES
    assert labels[4] == "angle left full body flexion"
    assert labels[-1] == "energy neck"


def test_frames_and_clips_of_faces(tmp_path, drawn):
    """A network of the suite and one of a user's own, with other layers."""
    inputs = keras.Input((4, 64, 64, 3))
    x = keras.layers.Conv3D(2, 3, strides=2)(inputs)
    x = keras.layers.GlobalAveragePooling3D()(keras.ops.relu(x))
    own = keras.Model(inputs, keras.layers.Dense(1)(x))
    steps = []
    cams = ("grad_cam", "hires_cam")
    for level, label, model, kind, count, maps in (
        # Both of its branches see the picture: no layer has all of it.
        ("frame", "pspi", small(), "faces", 6, ["saliency"]),
        ("clip", "vas", own, "clip", 2, cams),
    ):
        store = fake_store(people=2, clips=2, frames=4, size=64)
        settings = {"label": label, "level": level}
        clips = cut_clips(store, num_frames=4, size=64, **settings)
        clips = clips.take(np.arange(len(clips)) < count)
        key = FoldKey("loso", "leak_free", "aacsfnet", 0, "s0")
        result = types.SimpleNamespace(path=tmp_path)
        result.predictions = {"y_pred": clips.y}
        fold = FaceFold(key, result, clips, model, pictures_of, True)
        folder = tmp_path / level
        options = ExplainOptions(checks=level == "clip")
        done = explain_fold(fold, folder, options, lambda *s: steps.append(s))
        names = {path.name for path in done.paths}
        assert {path.name for path in folder.iterdir()} == names
        expected = {f"{kind}_SIMULATED.png"}
        if options.checks:
            expected.add("checks_SIMULATED.png")
            assert "checks_SIMULATED.csv" in names
        assert {f"{m}_{what}" for m in maps for what in expected} <= names
        assert steps[-1][1] + 1 == steps[-1][2]
        assert "SIMULATED" in drawn[-1].get_suptitle()
    with pytest.raises(ConfigurationError, match="no map to draw"):
        fold = dataclasses.replace(fold, model=small())
        explain_fold(fold, folder, ExplainOptions())


def test_released_labels_are_a_switch_and_say_so(finished, tmp_path, drawn):
    model = keras.models.load_model(finished.result.path / "model.keras")
    (kind,) = (e for e in explanations(model) if e.name == "hires_cam")
    list(Gallery(finished, tmp_path, "as_released").draw(kind))
    heats = [f for f in drawn if "HiResCAM\non" in f.get_suptitle()]
    axis = heats[0].axes[0]
    labels = [t.get_text() for t in axis.get_yticklabels()]
    assert labels[0] == "angle left full body flexion"
    assert labels[-4:] == PROBES
    assert "as released" in heats[0].get_supxlabel().replace("\n", " ")


@pytest.fixture
def results(tmp_path):
    """A results folder: a network and a baseline, two people."""

    def save(folder):
        (folder / "model.keras").write_bytes(b"a network")

    store = ResultStore(tmp_path / "results")
    for fold, y in (("C1", [0, 0]), ("P2", [0, 1])):
        predictions = {
            "y_true": np.array(y),
            "probabilities": np.eye(2),
            "subject": np.array([fold] * 2),
            "window_id": np.arange(2),
        }
        for method, of_network in (("lsfan", save), ("majority", None)):
            key = FoldKey("loso", "leak_free", method, 0, fold)
            store.write(key, {}, {}, predictions, save=of_network)
    return store.root


def test_the_fold_with_every_class_is_chosen(results):
    (key,) = choose_folds(results, ExplainOptions())
    assert (key.method, key.fold) == ("lsfan", "P2")
    (key,) = choose_folds(results, ExplainOptions(fold="C1"))
    assert key.fold == "C1"


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--method", "majority"], "majority has no network"),
        (["--method", "banet"], "no finished fold of banet"),
        (["--protocol", "as_published"], "no finished fold of a network"),
        (["--fold", "P9"], "fold P9"),
        (["--seed", "1"], "seed 1"),
        (["--check-epochs", "0"], "--check_epochs must be 1 or more"),
        ([], "run.json: does not say where the data are"),
    ],
)
def test_what_cannot_be_explained_is_one_line(results, capsys, flags, words):
    assert main(["explain", str(results), *flags]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("keras-pain: ") and words in line


@pytest.mark.parametrize(
    "folder, words",
    [("none", "there is no such folder"), (".", "holds no finished fold")],
)
def test_a_folder_without_folds_is_one_line(tmp_path, capsys, folder, words):
    assert main(["explain", str(tmp_path / folder)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


def test_a_window_finds_its_joints(finished):
    recording = finished.recordings["P1_N"]
    joints = recording["joints"]
    activity = np.repeat([1, 3, 1], [30, 60, 30])

    def movement(index, **settings):
        config = {"dataset": {"windows": settings}}
        fold = dataclasses.replace(
            finished,
            result=types.SimpleNamespace(config=config),
            recordings={"P1_N": {**recording, "activity": activity}},
        )
        return fold.movement(index)

    found, rate = movement(2, cut="lsfan_windows")
    np.testing.assert_array_equal(found, joints[10 : 10 + FRAMES])
    assert rate == 60
    # A whole recording of 120 frames, brought to 24.
    found, rate = movement(0, cut="whole_recordings")
    np.testing.assert_array_equal(found[[0, -1]], joints[[0, -1]])
    assert len(found) == FRAMES and rate == 12
    # The activity that starts with frame 30 has 60.
    found, rate = movement(6, cut="activity_instances")
    np.testing.assert_array_equal(found[[0, -1]], joints[[30, 89]])
    assert rate == 24
    assert movement(6, cut="activity_instances", fit="pad")[1] == 60


def test_weights_gather_at_the_vertex_of_their_angle(tmp_path, drawn):
    # What is even over the channels is even over the body.
    limbs = ("lower_leg", "lower_arm", "shoulder")
    limbs = {f"{side}_{limb}" for side in ("left", "right") for limb in limbs}
    sites = body_sites(np.ones(13), ANGLE_NAMES)
    assert sites == dict.fromkeys({"hip", "neck", *limbs}, 1)
    sites = body_sites(np.ones(30), CHANNEL_NAMES)
    assert sites["hip"] == 1 and sites["muscle lower_left"] == 1
    one = np.arange(30) == 0  # one of the hip's eight
    sites = body_sites(one, CHANNEL_NAMES)
    assert max(sites.values()) == pytest.approx(1 / 8)
    with pytest.raises(ValueError, match="A1"):
        body_sites([1.0], ["A1"])
    joints = np.random.default_rng(4).uniform(0, 170, (FRAMES, 26, 3))
    weights = np.zeros((FRAMES, 13))
    weights[:, 4] = 3  # left knee
    weights[:, 12] = 1
    plot_body_weights(joints, weights, ANGLE_NAMES, "T", tmp_path / "a.png")
    texts = [t.get_text() for t in drawn[0].axes[0].texts]
    # Of 13 parts, 4 on the mean 4/13: 3 and 1 are 9.8 and 3.2 times that.
    assert "left knee\nx9.8" in texts and "neck\nx3.2" in texts
    dots = drawn[0].axes[0].collections[0]
    largest = dots.get_offsets()[np.argmax(dots.get_sizes())]
    knee = joints[FRAMES // 2, JOINTS_26.index("left_lower_leg"), 1]
    assert largest[1] == pytest.approx(knee)
    with pytest.raises(ValueError, match="frames"):
        plot_body_weights(
            joints[1:], weights, ANGLE_NAMES, "T", tmp_path / "a.png"
        )


def test_activities_without_windows_stay_blank(tmp_path, drawn):
    panels = [
        MapPanel("bend", "no", 3, np.array([0.2, 0.8])),
        MapPanel("walking", "yes", 1, np.array([0.6, 0.4])),
    ]
    plot_activity_maps(
        panels, ("part",), ["a", "b"], ["no", "yes"], "T", tmp_path / "a.png"
    )
    left, right, _ = drawn[0].axes
    assert [left.get_title(), right.get_title()] == ["no", "yes"]
    shown = left.images[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(shown, [[0.2, np.nan], [0.8, np.nan]])
    ticks = [t.get_text() for t in right.get_xticklabels()]
    assert ticks == ["bend (0)", "walking (1)"]


def test_a_reading_is_numbers():
    point = Similarity(np.array([0.5, np.nan]), np.array([0.25, 0.75]))
    empty = Similarity(np.array([np.nan]), np.array([np.nan]))
    cascade = {"as trained": empty, "head": point, "conv": empty}
    panel = CheckPanel("Grad-CAM", cascade, {})
    assert reading([panel]) == "Grad-CAM: head 0.50/0.50, conv none/none"
