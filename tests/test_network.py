"""Networks as methods: how they are trained; of faces, their folds and table.

Networks of windows are trained in `test_runner.py`.
"""

import dataclasses
import re

import keras
import numpy as np
import pytest
from fake_faces import fake_store, split_people
from sklearn.dummy import DummyRegressor

from keras_pain.data.clips import cut_clips
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.experiments import optim, runner
from keras_pain.experiments.baselines import Baseline
from keras_pain.experiments.defects import settings_with
from keras_pain.experiments.method_registry import (
    fed,
    registered_methods,
    resolve_method,
)
from keras_pain.experiments.network import ClipMethod, ClipOptions
from keras_pain.experiments.optim import class_weights, make_optimizer
from keras_pain.experiments.protocols import (
    LEAK_FREE,
    Protocol,
    Subject,
    make_folds,
)
from keras_pain.experiments.store import ResultStore
from keras_pain.models.registry import MODELS
from keras_pain.reports.figures import intensity_panels, plot_intensities
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec, write_table
from keras_pain.reproduction.faces import subjects_of_clips

SMALL = {"widths": (2, 2, 4, 4, 4, 4, 4, 4)}
OPTIONS = ClipOptions(batch_size=4, arguments=SMALL)
AS_PUBLISHED = Protocol(
    "as_published", "as_published", ("clips_at_random", "epoch_on_test")
)
SETTINGS = {"label": "vas", "num_frames": 4, "size": 32}


@pytest.fixture(scope="module")
def store():
    return fake_store(people=6, clips=2, frames=6, size=32)


@pytest.fixture(scope="module")
def clips(store):
    return cut_clips(store, **SETTINGS)


@pytest.fixture(scope="module")
def parts(clips):
    return split_people(clips)


def recipe_with(**changes):
    recipe = MODELS["l3d"].recipe
    sources = {**recipe.sources, **dict.fromkeys(changes, "test")}
    return dataclasses.replace(recipe, **changes, sources=sources)


def test_a_network_trains_predicts_and_comes_back(parts, tmp_path):
    train, validation, test = parts
    epochs = []
    method = ClipMethod("l3d", epochs=2, options=OPTIONS, reuse=True)
    method.on_epoch = lambda stage, epoch, last: epochs.append(epoch)
    report = method.fit(train, validation, seed=3)
    assert epochs == [1, 2]
    assert report.chosen_epoch in (1, 2)
    assert {"loss", "mae", "val_loss", "val_mae"} <= report.history[0].keys()
    predicted = method.predict(test)
    assert predicted.shape == (2,) and np.isfinite(predicted).all()
    method.save(tmp_path)
    # The kept network, set to its initial state.
    again = ClipMethod("l3d", epochs=2, options=OPTIONS, reuse=True)
    again.fit(train, validation, seed=3)
    np.testing.assert_array_equal(again.predict(test), predicted)
    again.model = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(test), predicted, rtol=1e-5)
    # No state of an optimiser, which is twice the network.
    weights = 4 * again.model.count_params()
    assert (tmp_path / "model.keras").stat().st_size < weights + 200_000
    assert getattr(again.model, "optimizer", None) is None


def test_settings_are_part_of_the_configuration():
    plain = ClipMethod("l3d", options=OPTIONS).config()
    other = dataclasses.replace(OPTIONS, mixed_precision=True)
    assert plain != ClipMethod("l3d", options=other).config()
    assert plain["recipe"]["loss_options"] == {"delta": 0.7}
    assert plain["arguments"] == SMALL


def test_a_batch_that_micro_batches_do_not_fill_is_refused(clips):
    options = ClipOptions(batch_size=10, micro_batch=4, arguments=SMALL)
    with pytest.raises(ConfigurationError, match="multiple of --micro_batch"):
        ClipMethod("l3d", 1, options).fit(clips, clips, 0)


@pytest.mark.parametrize("count", [1, 3, 7, 96, 100, 120])
@pytest.mark.parametrize("micro", [1, 5, 10, 100])
def test_micro_batches_change_no_number_of_updates(count, micro):
    options = ClipOptions(batch_size=100, micro_batch=micro)
    most, steps, accumulate = ClipMethod("l3d", options=options).batches(count)
    assert steps / accumulate == np.ceil(count / 100)
    assert most == micro and accumulate <= steps <= count
    if micro > 1:
        assert np.ceil(count / steps) <= micro


def test_no_update_goes_on_in_the_next_epoch(parts):
    train, validation, _ = parts
    train = train.take(np.arange(7))
    options = dataclasses.replace(OPTIONS, micro_batch=2)
    method = ClipMethod("l3d", epochs=2, options=options)
    method.fit(train, validation, seed=0)
    # Seven clips are two updates an epoch, as without micro-batches.
    assert int(method.model.optimizer.iterations) == 4


def test_one_network_serves_folds_of_other_lengths(parts, monkeypatch):
    """Its schedule goes by epochs, of which only the steps differ."""
    monkeypatch.setattr(optim, "_kept", {})
    recipe = recipe_with(schedule=("cosine",))
    train, validation, test = parts

    def predicted(train, kept):
        method = ClipMethod(
            "l3d", epochs=2, options=OPTIONS, recipe=recipe, reuse=kept
        )
        method.fit(train, validation, seed=0)
        return method.predict(test), float(method.model.optimizer.learning_rate)

    predicted(train, True)
    short = train.take(np.arange(3))
    again, rate = predicted(short, True)
    assert len(optim._kept) == 1
    alone, same = predicted(short, False)
    np.testing.assert_array_equal(again, alone)
    assert rate == pytest.approx(same) == pytest.approx(0, abs=1e-9)


def test_weights_are_known_by_their_content(tmp_path):
    def config(path):
        options = ClipOptions(arguments={"resnet_weights": path})
        return ClipMethod("aacsfnet", options=options).config()

    first, same, other = (tmp_path / f"{n}.pth" for n in "abc")
    for path, content in ((first, b"1"), (same, b"1"), (other, b"2")):
        path.write_bytes(content)
    assert config(first) == config(same) != config(other)
    assert config(None) != config("imagenet")
    with pytest.raises(BadFileError, match="no such file of weights"):
        config(tmp_path / "none.pth")


class Diverged(Baseline):
    def __init__(self):
        super().__init__("diverged", lambda seed: DummyRegressor(), {})

    def predict(self, samples):
        return np.full(len(samples), np.nan)


def test_predictions_that_are_no_numbers_are_named(store, clips, tmp_path):
    tasks = runner.plan(
        subjects_of_clips(clips),
        evaluations={"cv5": [f"{__name__}:Diverged"]},
        protocols=(LEAK_FREE,),
        seeds=(0,),
        dataset={"fingerprint": "f", "windows": SETTINGS},
    )
    with pytest.raises(KerasPainError, match="fold0: .* diverged"):
        runner.run(tasks, clips, ResultStore(tmp_path))


def test_schedules_fall_where_the_recipe_says():
    def rates(schedule, updates):
        chosen = recipe_with(schedule=schedule, learning_rate=1.0)
        rate = make_optimizer(chosen, 10, 4)._learning_rate
        return [float(rate(step)) for step in updates]

    assert rates(("exponential", 0.5, 3), (0, 2, 3, 6)) == [1, 1, 0.5, 0.25]
    # Epoch 2 begins with update 10, epoch 3 with update 20.
    assert rates(("multistep", (2, 3), 0.1), (0, 9, 10, 19, 20)) == (
        pytest.approx([1, 1, 0.1, 0.1, 0.01])
    )
    assert rates(("cosine",), (0, 20, 40)) == pytest.approx([1, 0.5, 0])


@pytest.mark.parametrize(
    "wrap", [lambda o: o, keras.optimizers.LossScaleOptimizer]
)
def test_a_schedule_learns_its_steps_in_half_precision_too(wrap):
    recipe = recipe_with(schedule=("cosine",), learning_rate=1.0)
    optimizer = make_optimizer(recipe, 1, 4)
    optim.set_steps(wrap(optimizer), 10)
    assert float(optimizer._learning_rate(20)) == pytest.approx(0.5)


def test_the_last_epoch_is_kept_where_none_is_chosen(parts):
    method = ClipMethod("l3d", epochs=2, options=OPTIONS, last_epoch=True)
    assert method.config()["last_epoch"] is True
    assert "last_epoch" not in ClipMethod("l3d", options=OPTIONS).config()
    report = method.fit(*parts[:2], seed=3)
    last = method.predict(parts[2])
    assert report.chosen_epoch == 2
    # Whoever would choose has no say.
    other = ClipMethod("l3d", epochs=2, options=OPTIONS, last_epoch=True)
    other.fit(parts[0], parts[2], seed=3)
    np.testing.assert_array_equal(other.predict(parts[2]), last)


def test_accumulation_does_not_hurry_a_schedule():
    recipe = recipe_with(schedule=("exponential", 0.5, 3), learning_rate=1.0)
    optimizer = make_optimizer(recipe, 10, 4, accumulate=2)
    weight = keras.Variable(np.ones(2, np.float32))
    optimizer.build([weight])
    rates = []
    for _ in range(8):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([np.ones(2, np.float32)])
    # Two micro-batches an update, a fall after every three updates.
    assert rates == [1] * 6 + [0.5] * 2


@pytest.mark.parametrize("cpu", [True, False])
def test_mixed_precision_computes_in_half(clips, parts, cpu, monkeypatch):
    """Not with oneDNN, whose gradients on a CPU are NaN now and then."""
    monkeypatch.setattr(optim, "on_cpu_only", lambda: cpu)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    options = dataclasses.replace(OPTIONS, mixed_precision=True)
    method = ClipMethod("l3d", epochs=1, options=options)
    method.build(clips.input_shape, 0)
    convolution = method.model.get_layer("conv_1")
    assert convolution.compute_dtype == ("bfloat16" if cpu else "float16")
    assert convolution.variable_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    if cpu:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
        with pytest.raises(ConfigurationError, match="is for GPUs"):
            method.fit(*parts[:2], 0)


def test_balanced_weights_give_classes_the_same_sum():
    y = np.array([0, 1, 1, 1])
    weights = class_weights(y, 2, recipe_with(class_weights="balanced"))
    assert weights[y == 0].sum() == pytest.approx(weights[y == 1].sum())
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("protocol", ["as_published", "leak_free"])
def test_five_folds_test_everybody_once(protocol):
    people = [Subject(f"p{n}", str(n % 3)) for n in range(13)]
    folds = make_folds(people, "cv5", protocol)
    assert [fold.name for fold in folds] == [f"fold{n}" for n in range(5)]
    tested = [name for fold in folds for name in fold.test]
    assert sorted(tested) == sorted(person.id for person in people)
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    # Strata are dealt evenly.
    of = {person.id: person.stratum for person in people}
    for fold in folds:
        assert len({of[name] for name in fold.test}) >= 2
    with pytest.raises(ConfigurationError, match="at least 5"):
        make_folds(people[:4], "cv5", protocol)


def test_folds_run_and_become_a_table(store, tmp_path):
    protocols = (AS_PUBLISHED, LEAK_FREE)
    clips = {
        p.name: cut_clips(store, **settings_with(p.defects, SETTINGS))
        for p in protocols
    }
    subjects = {k: subjects_of_clips(v) for k, v in clips.items()}
    assert len(subjects["as_published"]) == 12  # clips
    assert len(subjects["leak_free"]) == 6  # people
    tasks = runner.plan(
        subjects,
        evaluations={"cv5": ["train_mean", "constant_2", "l3d"]},
        protocols=protocols,
        seeds=(0,),
        dataset={"fingerprint": "f", "windows": SETTINGS},
        epochs=1,
        extra={"options": OPTIONS},
    )
    results = ResultStore(tmp_path / "results")
    # The rest of the folds says nothing more about networks.
    few = [t for t in tasks if t.key.method != "l3d" or t.number == 0]
    runner.run(few, clips, results)
    leaky = results.read(few[0].key)
    people = set(leaky.predictions["subject"])
    assert people <= {f"s{n}" for n in range(6)}
    published = tmp_path / "published.csv"
    published.write_text(
        "method,evaluation,metric,class,value,note\nother,cv5,mae,,2.5,\n"
    )
    spec = TableSpec(
        name="t",
        title="T",
        paper="P",
        rows=(
            RowSpec("Training mean", "train_mean", "cv5"),
            RowSpec("Two", "constant_2", "cv5"),
            RowSpec("From elsewhere", "other", "cv5", literature=True),
            RowSpec("L3D", "l3d", "cv5"),
        ),
        columns=(ColumnSpec("MAE", "mae"), ColumnSpec("PCC", "pcc")),
        class_names=(),
        published=published,
        samples="clips",
    )
    expected = {task.key: task.config for task in tasks}
    options = {"corpus": "fake", "simulated": True}
    paths = write_table(spec, results, expected, tmp_path, **options)
    text = paths[0].read_text()
    y = clips["leak_free"].y
    assert re.search(rf"\| +{np.abs(y - 2).mean():.3f} \|", text)
    assert "1/5 folds" in text
    assert re.search(r"\| From elsewhere +\| paper +\| +2.5 \|", text)
    panels = intensity_panels(spec, results, expected)
    assert len(panels) == 4  # the unfinished network has none
    path = plot_intensities(panels, "T", tmp_path / "f.png", simulated=True)
    assert path.exists()


def test_methods_of_intensities_are_known():
    assert resolve_method("train_median").name == "train_median"
    assert resolve_method("l3d", epochs=1, options=OPTIONS).epochs == 1
    assert fed("l3d_full") == "clips" and fed("aacsfnet_generated") == "frames"
    names = registered_methods()
    assert len(set(names)) == len(names) > 40
    # No generated clips, no autoencoder by itself.
    for name in ("l3d_generated", "alanet_autoencoder", "train_mean"):
        assert not fed(name)


def test_a_class_table_needs_the_majority_and_an_intensity_table_the_mean():
    for classes, missing in ((("a", "b"), "majority"), ((), "train_mean")):
        with pytest.raises(ValueError, match=missing):
            TableSpec("t", "T", "P", (RowSpec("X", "x", "cv5"),), (), classes)
