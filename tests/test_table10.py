"""Table 10: frames, the released code's protocol, levels, people, figures."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from fake_faces import fake_store
from rich.console import Console
from scripts import load_script, rows_of
from small_aacsfnet import HAM, VIT

from keras_pain.corpora import unbc_mcmaster
from keras_pain.data.clips import cut_clips
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import runner
from keras_pain.experiments.defects import AACSFNET_AS_CODED as AS_CODED
from keras_pain.experiments.defects import score, scored_intensities
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.experiments.metrics import compute_regression
from keras_pain.experiments.network import ClipMethod, ClipOptions
from keras_pain.experiments.optim import balanced_feed, balanced_shares
from keras_pain.experiments.store import ResultStore
from keras_pain.reports.figures import (
    level_rows,
    person_rows,
    plot_relative_losses,
    scored_runs,
)
from keras_pain.reports.table import read_scores
from keras_pain.reproduction import Options, experiment
from keras_pain.reproduction.aacsfnet import aacsfnet_report, rising
from keras_pain.reproduction.faces import subjects_of_clips
from keras_pain.reproduction.run import FinishedRun, with_generated_rows

SMALL = {**HAM, **VIT, "width": 2, "maps": 8, "ff_units": 8}
OPTIONS = ClipOptions(batch_size=8, arguments=SMALL)
PEOPLE = 4
BOTH = ("as_published", "leak_free")


script = load_script("table10_aacsfnet")


@pytest.fixture(scope="module")
def samples():
    store = fake_store(people=PEOPLE, clips=2, frames=10, size=64)
    settings = {**script.EXPERIMENT.settings, "size": 64, "faces_only": True}
    cut = cut_clips(store, **settings)
    cut.y = np.round(cut.y)
    return dict.fromkeys(BOTH, cut)


def planned(samples, methods, options=OPTIONS):
    return runner.plan(
        {k: subjects_of_clips(v) for k, v in samples.items()},
        evaluations={"loso": methods},
        protocols=script.EXPERIMENT.protocols,
        seeds=(0,),
        dataset={"fingerprint": "f", "windows": {}},
        extra={"options": options},
    )


@pytest.fixture(scope="module")
def tasks(samples):
    return planned(samples, [row.method for row in script.TABLE.methods])


def of(tasks, method, protocol):
    return [
        task
        for task in tasks
        if (task.key.method, task.key.protocol) == (method, protocol)
    ]


def test_as_published_is_the_released_code(tasks):
    assert script.EXPERIMENT.protocols[0].defects == AS_CODED
    coded = of(tasks, "aacsfnet", "as_published")
    # The first person is trained on by all and tested by none.
    assert [task.key.fold for task in coded] == ["s1", "s2", "s3"]
    for task in coded:
        assert task.fold.validation == task.fold.test
        assert "s0" in task.fold.train
    config = coded[0].config
    # The tested person is looked at, and chooses nothing; nor are folds of
    # before, when one was chosen and dropouts were missing, taken over.
    assert config["method"]["last_epoch"] is True
    assert config["method"]["version"] == 2
    assert "epoch_on_test" not in config["defects"]
    assert config["test_batch"] == 8
    recipe = config["method"]["recipe"]
    assert (recipe["optimizer"], recipe["learning_rate"]) == ("adam", 0.04)
    assert recipe["schedule"][0] == "multistep"
    arguments = config["method"]["arguments"]
    assert arguments["patch_sizes"] == (32, 16, 8)
    assert arguments["channels_across_batch"] and arguments["mean_of_normed"]
    vit = of(tasks, "biscale_cross_vit", "as_published")[0]
    arguments = vit.config["method"]["arguments"]
    assert arguments["class_token_keys"] and "width" not in arguments


def test_generated_pictures_make_rows_of_their_own(samples):
    table = with_generated_rows(script.TABLE, "GSFF")
    rows = {row.method: row.label for row in table.rows}
    assert rows["aacsfnet_generated"] == "AACSFNet + GSFF"
    assert len(rows) == len(script.TABLE.rows) + 3  # one a network
    methods = ["aacsfnet", "aacsfnet_generated"]

    def configs(digest):
        options = dataclasses.replace(OPTIONS, generated=digest)
        tasks = planned(samples, methods, options)
        return {(t.key.method, t.key.protocol): t.config for t in tasks}

    one, other = configs("a"), configs("b")
    for (method, protocol), config in one.items():
        same = config == other[method, protocol]
        # Rows without them stay what they are in a run without --augment.
        assert same == (method == "aacsfnet")
        plain = one["aacsfnet", protocol]["method"]
        for part in ("recipe", "arguments"):
            assert config["method"][part] == plain[part]
    for name, wanted in zip(methods, (False, True), strict=True):
        method = resolve_method(name)
        assert (method.name, method.augment) == (name, wanted)


def test_simulations_of_several_sizes_share_a_data_folder(
    tmp_path, monkeypatch
):
    """Table 5's and table 10's faces are of different simulations."""
    built = []

    def simulated(corpus, arguments, console):
        folder = tmp_path / "_".join(map(str, arguments.values()))
        folder.mkdir(exist_ok=True)
        return folder

    def prepare(corpus, manual_dir, data_dir, fingerprint, **_):
        built.append(Path(data_dir))
        what = corpus, "c112", fingerprint, True, [], False
        return PreparedDataset(data_dir, *what)

    monkeypatch.setattr(experiment, "simulated_folder", simulated)
    monkeypatch.setattr(experiment, "prepare_dataset", prepare)
    monkeypatch.setattr(experiment, "identify", lambda folder, _: folder.name)
    monkeypatch.setattr(unbc_mcmaster, "detect_layout", lambda _: "faces")
    monkeypatch.setattr(unbc_mcmaster, "find_files", lambda *_: [])
    options = Options(data_dir=str(tmp_path / "tfds"), smoke=True)
    for name in ("table5_unbc", "table10_aacsfnet"):
        load_script(name).EXPERIMENT.prepare(options, Console())
    assert len(set(built)) == 2
    assert {path.parent for path in built} == {tmp_path / "tfds"}


def test_leak_free_is_corrected(tasks):
    mended = of(tasks, "aacsfnet", "leak_free")
    assert [task.key.fold for task in mended] == ["s0", "s1", "s2", "s3"]
    for task in mended:
        parts = (task.fold.train, task.fold.validation, task.fold.test)
        assert len(set().union(*parts)) == sum(map(len, parts)) == PEOPLE
    config = mended[0].config
    assert "test_batch" not in config and not config["defects"]
    recipe = config["method"]["recipe"]
    assert (recipe["optimizer"], recipe["learning_rate"]) == ("adamw", 1e-4)
    assert recipe["schedule"] == ("cosine",) and recipe["patience"]
    arguments = config["method"]["arguments"].values()
    assert not any(value is True for value in arguments)


def test_the_first_person_is_trained_on_twice(samples, tasks):
    task = of(tasks, "train_mean", "as_published")[0]
    how = task.fold, 0, "none", AS_CODED
    data = runner.prepare_fold(samples["as_published"], *how)
    counts = {p: int(np.sum(data.train.person == p)) for p in task.fold.train}
    alone = np.sum(samples["leak_free"].person == "s0")
    assert counts["s0"] == 2 * alone
    assert counts["s2"] == np.sum(samples["leak_free"].person == "s2")


@pytest.fixture(scope="module")
def finished(samples, tasks, tmp_path_factory):
    """All constants; of the networks one person each, made up."""
    folder = tmp_path_factory.mktemp("table10")
    store = ResultStore(folder)
    constants = ("constant_0", "train_mean")
    runner.run([t for t in tasks if t.key.method in constants], samples, store)
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    method = ClipMethod("aacsfnet", 1, OPTIONS)
    method.build(samples["leak_free"].input_shape, 0)
    history = [
        {"stage": "network", "epoch": e, "loss": 9.0 / e, "val_loss": 5.0}
        for e in (1, 2, 3)
    ]
    result = {"history": history, "metrics": {}, "chosen_epoch": 1}
    for task in tasks:
        if (task.key.method, task.key.fold) == ("aacsfnet", "s1"):
            test = samples[task.key.protocol].of_subjects(task.fold.test)
            found = {
                "y_true": test.y,
                "y_pred": rng.normal(size=len(test)).astype(np.float32),
                "subject": test.person.astype(str),
                "window_id": test.window_id,
            }
            store.write(task.key, task.config, result, found, save=method.save)
    what = "unbc_mcmaster", "c64", "f", True, [], True
    return FinishedRun(
        *(script.EXPERIMENT, script.TABLE, tuple(tasks), store, samples),
        *(PreparedDataset(folder, *what), folder, (), ()),
    )


def test_the_report(finished):
    paths = aacsfnet_report(finished)
    assert paths[0].name == "table_SIMULATED.md"
    names = {path.name for path in paths}
    assert {
        "levels_SIMULATED.csv",
        "persons_SIMULATED.csv",
        "levels_SIMULATED.png",
        "corrected_against_as_coded_SIMULATED.png",
        "attention_aacsfnet_SIMULATED.png",
    } <= names
    assert all(path.stat().st_size for path in paths)
    text = paths[0].read_text()
    assert "numbers are not known" in text and "1/3 folds" in text
    rows = rows_of(finished.results_dir / "table_SIMULATED.csv")
    assert not any(row["paper"] for row in rows)
    rows = rows_of(finished.results_dir / "persons_SIMULATED.csv")
    assert len(rows) == 2 * (3 + PEOPLE)  # the networks are not finished
    for row in rows:
        constant = row["method"] == "constant_0"
        if constant or row["protocol"] == "leak_free":
            assert not row["pcc"] and not row["icc"]
        else:  # the zeros of the last batch make a constant correlate
            assert row["highest"] == "0.000000" or float(row["pcc"]) > 0


def test_pooled_numbers_are_scored_as_the_released_code_does(finished):
    scores = read_scores(finished.store, finished.expected, 0)
    folds = [
        finished.store.read(task.key).predictions
        for task in of(finished.tasks, "train_mean", "as_published")
    ]
    sums = sizes = 0
    for fold in folds:
        full = len(fold["y_true"]) // 8 * 8
        assert 0 < full < len(fold["y_true"])
        error = np.abs(fold["y_pred"] - fold["y_true"])[:full]
        sums, sizes = sums + error.sum(), sizes + len(fold["y_true"])
    row = ("loso", "as_published", "train_mean")
    assert scores.get(row, "pooled_mae")["mean"] == pytest.approx(sums / sizes)
    assert scores.get(row, "fold_mean_pcc")["mean"] > 0.2
    zero = scores.get((*row[:2], "constant_0"), "fold_mean_pcc")
    assert zero["mean"] == 0
    honest = scores.get(("loso", "leak_free", row[2]), "fold_mean_pcc")
    assert np.isnan(honest["mean"]) and honest.folds == 0


def test_scoring_goes_by_the_batch():
    y, p = np.full(10, 4.0), np.linspace(2, 20, 10)
    truth, predicted = scored_intensities(y, p, AS_CODED, 4)
    np.testing.assert_array_equal(truth, [4] * 8 + [0] * 2)
    np.testing.assert_array_equal(predicted[8:], [0, 0])
    assert predicted.max() == 15
    assert score(y, p, 0, AS_CODED, 4)["mae"] < score(y, p, 0)["mae"]
    np.testing.assert_array_equal(scored_intensities(y, p), (y, p))


def test_levels_and_people_add_up(finished, samples):
    runs = scored_runs(finished.table, finished.store, finished.expected)
    names = "constant_0", "loso", "leak_free"
    (run,) = (r for r in runs if r.run[:3] == names)
    y = samples["leak_free"].y
    rows = level_rows(run)
    assert [row["level"] for row in rows] == sorted(set(y))
    assert sum(row["samples"] for row in rows) == len(y)
    for row in rows:
        assert row["mae"] == -row["bias"] == row["level"]
    whole = compute_regression(y, np.zeros(len(y)))
    people = person_rows(run)
    assert [row["person"] for row in people] == ["s0", "s1", "s2", "s3"]
    mse = sum(row["mse"] * row["samples"] for row in people) / len(y)
    assert mse == pytest.approx(whole["mse"])


def test_three_faces_of_rising_intensity():
    assert rising(np.array([0, 0, 9, 4, 5, 0, 9])).tolist() == [0, 3, 2]
    assert rising(np.array([2.0, 2.0])).tolist() == [0]


def test_balance():
    y = np.array([0, 0, 0, 0, 0, 0, 2, 8.0])
    shares = balanced_shares(y)
    assert shares.sum() == pytest.approx(1)
    assert shares[y > 0].sum() == pytest.approx(0.5)
    np.testing.assert_allclose(balanced_shares(np.zeros(4)), 0.25)
    assert balanced_feed(y, "none") == {}
    assert balanced_feed(y, "weights")["weights"].mean() == pytest.approx(1)
    with pytest.raises(ConfigurationError, match="--balance"):
        balanced_feed(y, "smote")


def test_a_network_trains_balanced(samples):
    options = ClipOptions(batch_size=16, arguments=SMALL, balance="sampling")
    method = ClipMethod("biscale_cross_vit", 1, options)
    train = samples["leak_free"].of_subjects(["s0", "s1"])
    report = method.fit(train, samples["leak_free"].of_subjects(["s2"]), 0)
    assert np.isfinite(report.history[0]["loss"])
    assert method.config()["options"]["balance"] == "sampling"


def test_pictures_smaller_than_a_patch_are_refused(samples):
    settings = {"label": "pspi", "level": "frame", "size": 16}
    tiny = cut_clips(samples["leak_free"].frames, **settings)
    method = ClipMethod("biscale_cross_vit", 1, ClipOptions(batch_size=4))
    says = "16 x 16 cannot be cut into patches of 32"
    with pytest.raises(ConfigurationError, match=says):
        method.fit(tiny, tiny, 0)


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="needs a training"):
        plot_relative_losses([], "t", "x.png")
