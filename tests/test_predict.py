"""Networks on new recordings: what is read, predicted, saved and shared."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_folders import write_signals
from predicted import folds_of
from scripts import run_script

import keras_pain
from keras_pain.cli import main
from keras_pain.corpora import folder as folder_corpus
from keras_pain.corpora import manifest, media
from keras_pain.errors import KerasPainError
from keras_pain.experiments.preprocessing import PREPROCESSING_FILE
from keras_pain.experiments.store import ResultStore
from keras_pain.reproduction import presets
from keras_pain.signals import landmarks
from keras_pain.simulate import template

SHIPPED = Path(keras_pain.__file__).with_name("presets")


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    """Own recordings, and results of a network and classical methods."""
    place = tmp_path_factory.mktemp("own")
    root = place / "data"
    write_signals(root)
    keras_pain.evaluate(
        root,
        label="pain",
        methods=["banet", "lsfan", "random_forest", "svm"],
        epochs=1,
        results_dir=str(place / "results"),
        data_dir=str(place / "tfds"),
        evaluation="group_kfold:2",
    )
    return root, place / "results"


def test_every_kind_of_method_of_own_recordings_predicts(signals):
    root, folder = signals
    for name in ("banet", "lsfan", "random_forest", "svm"):
        predictor = keras_pain.load(folder, method=name)
        assert len(predictor.members) == 2
        for key in folds_of(folder, name):
            found = ResultStore(folder).read(key).predictions
            alone = keras_pain.load(ResultStore(folder).path(key))
            names = [w.rpartition(":")[0] for w in found["window_id"]]
            for recording in sorted(set(names)):
                table = alone.predict(root / f"{recording}.csv")
                rows = [name == recording for name in names]
                np.testing.assert_allclose(
                    table[["p_no", "p_yes"]],
                    found["probabilities"][rows],
                    atol=1e-5,
                )
                assert "among the training" not in str(table.attrs)


def test_methods_that_hold_people_say_so(signals):
    _, folder = signals
    holds = {}
    for name in ("lsfan", "random_forest", "svm", "majority"):
        result = ResultStore(folder).read(folds_of(folder, name)[0]).result
        holds[name] = result.get("holds_samples_of_people", False)
    assert holds == {
        **dict.fromkeys(("lsfan", "random_forest", "majority"), False),
        "svm": True,
    }


def test_the_best_method_is_taken_and_said(signals):
    _, folder = signals
    predictor = keras_pain.load(folder)
    assert predictor.name in ("banet", "lsfan", "random_forest", "svm")
    assert "is taken, of" in predictor.chosen[0]
    assert len(keras_pain.load(folder, fold="fold1").members) == 1
    place = keras_pain.load(folder, method="svm").members[0].folder
    for given, words in (
        ({"method": "lsfan"}, "is of method svm, not of --method lsfan"),
        ({"fold": "fold7"}, "not of --fold fold7"),
        ({"seed": 3}, "is of seed 0, not of --seed 3"),
        ({"protocol": "as_published"}, "is of protocol leak_free"),
    ):
        with pytest.raises(KerasPainError, match=words):
            keras_pain.load(place, **given)


def test_networks_that_do_not_belong_together_are_refused(signals, tmp_path):
    _, folder = signals
    for name in ("banet", "lsfan"):
        predictor = keras_pain.load(folder, method=name)
        place = predictor.save_to_preset(tmp_path / name)
    changed = place / "network1" / PREPROCESSING_FILE
    about = json.loads(changed.read_text())
    about["settings"]["length"] += 1
    changed.write_text(json.dumps(about))
    note = json.loads((place / "preset.json").read_text())
    digest = manifest.input_hash(changed)
    note["members"]["network1"][PREPROCESSING_FILE]["sha256"] = digest
    (place / "preset.json").write_text(json.dumps(note))
    with pytest.raises(KerasPainError, match="has other settings than netw"):
        keras_pain.load(place)


def test_training_recordings_are_told_by_their_content(signals, tmp_path):
    root, folder = signals
    predictor = keras_pain.load(folder, method="lsfan")
    copy = Path(shutil.copy(root / "P0_0.csv", tmp_path / "somebody.csv"))
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(copy.read_bytes()))
    for path in (copy, packed):
        notes = predictor.predict(path).attrs["notes"]
        assert "the training recordings of 1 of 2 networks" in notes[0]


def columns_of(path, change, to):
    """A copy of a table of signals with other columns."""
    change(pd.read_csv(path)).to_csv(to, index=False)
    return to


def test_channels_go_by_name(signals, tmp_path):
    root, folder = signals
    predictor = keras_pain.load(folder, method="random_forest")
    expected = predictor.predict(root / "P1_1.csv")
    other = columns_of(
        root / "P1_1.csv", lambda t: t[t.columns[::-1]], tmp_path / "x.csv"
    )
    pd.testing.assert_frame_equal(predictor.predict(other), expected)


def test_a_rate_that_is_given_comes_before_the_times(signals, tmp_path):
    root, folder = signals
    predictor = keras_pain.load(folder, method="random_forest")

    def longer(table):
        return pd.concat([table] * 10)

    def timed(name, step):
        def change(table):
            table = longer(table)
            return table.assign(**{name: step * np.arange(len(table))})

        path = columns_of(root / "P1_1.csv", change, tmp_path / "x.csv")
        return predictor.predict(path), predictor.predict(path, rate=60.0)

    other = columns_of(root / "P1_1.csv", longer, tmp_path / "y.csv")
    plain = predictor.predict(other), predictor.predict(other, rate=60.0)
    for name, step, rate in (
        ("time", 0.01, "100"),
        ("time", 10, "100"),
        ("time_ms", 0.5, "2000"),
    ):
        said, given = timed(name, step)
        assert f"its times say {rate} rows" in str(said.attrs["notes"])
        assert "--rate is taken" in str(given.attrs["notes"])
        np.testing.assert_allclose(given.p_yes, plain[1].p_yes)
        if rate == "100":
            np.testing.assert_allclose(said.p_yes, plain[0].p_yes)
    said, _ = timed("t", 1)  # numbers of rows, or ms
    assert "nobody says the file's rate" in str(said.attrs["notes"])
    np.testing.assert_allclose(said.p_yes, plain[0].p_yes)


def resampled(table):
    return table.assign(time=np.arange(len(table)) / 30)


@pytest.mark.parametrize(
    "change,options,words",
    [
        (lambda t: t.drop(columns=t.columns[1]), {}, "was trained on tables"),
        (lambda t: t * np.nan, {}, "is missing in"),
        (resampled, {}, "has 30 samples a second, windows are at"),
        (lambda t: t, {"rate": 20.0}, "has 20 samples a second"),
        (lambda t: t[:20], {}, "too few for a window"),
        (lambda t: t[:1], {}, "fewer than 2; give another recording"),
        (lambda t: t, {"clip_seconds": 1.0}, "is for videos"),
        (lambda t: t.astype(str) + "x", {}, "no number"),
    ],
)
def test_what_does_not_fit_is_one_line(
    signals, tmp_path, change, options, words
):
    root, folder = signals
    predictor = keras_pain.load(folder, method="lsfan")
    path = columns_of(root / "P0_1.csv", change, tmp_path / "odd.csv")
    with pytest.raises(KerasPainError, match=words) as error:
        predictor.predict(path, **options)
    assert "\n" not in str(error.value)


def test_other_kinds_of_files_are_refused(signals, tmp_path):
    root, folder = signals
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"0")
    with pytest.raises(KerasPainError, match="clip.mp4: is no table.*lsfan"):
        keras_pain.load(folder, method="lsfan").predict(video)
    with pytest.raises(KerasPainError, match="no such file"):
        keras_pain.load(folder, method="lsfan").predict(tmp_path / "none.csv")


class Saved:
    """A method that can be stored and loaded."""

    name = "saved"
    level = 0.0

    def fit(self, train, validation, seed):
        self.level = float(np.abs(train.x[..., 1]).max(axis=1).mean())

    def predict_proba(self, windows):
        high = np.abs(windows.x[..., 1]).max(axis=1) > self.level
        return np.stack([~high, high], axis=1).astype(float)

    def save(self, folder):
        (folder / "level.json").write_text(json.dumps(self.level))

    @classmethod
    def load(cls, folder):
        made = cls()
        made.level = json.loads((folder / "level.json").read_text())
        return made


class Unsaved(Saved):
    name = "unsaved"
    load = None


def test_own_methods_predict_where_they_can_be_loaded(tmp_path, capsys):
    root = tmp_path / "data"
    write_signals(root)
    folder = tmp_path / "results"
    from sklearn.tree import DecisionTreeClassifier

    keras_pain.evaluate(
        root,
        label="pain",
        methods=[
            "test_predict:Saved",
            "test_predict:Unsaved",
            DecisionTreeClassifier(max_depth=2),
        ],
        evaluation="group_kfold:2",
        results_dir=str(folder),
        data_dir=str(tmp_path / "tfds"),
    )
    for name in ("saved", "DecisionTreeClassifier"):
        key = folds_of(folder, name)[0]
        found = ResultStore(folder).read(key).predictions
        window = str(found["window_id"][0])
        predictor = keras_pain.load(ResultStore(folder).path(key))
        table = predictor.predict(root / f"{window.split(':')[0]}.csv")
        expected = found["probabilities"][0]
        np.testing.assert_allclose(
            table.iloc[0][["p_no", "p_yes"]].astype(float), expected
        )
    command = ["predict", str(folder), str(root / "P0_0.csv"), "--method"]
    assert main([*command, "unsaved", "--out", str(tmp_path / "out")]) == 1
    assert "it has no load(folder)" in capsys.readouterr().err


# --- Files of the releases ---


@pytest.fixture(scope="module")
def ui_prmd(open_data, tmp_path_factory):
    """A few real episodes of four people, and results on them."""
    place = tmp_path_factory.mktemp("ui_prmd")
    for path in (open_data / "ui_prmd").rglob("m05_s0[1-4]_e01_*.txt*"):
        target = place / "raw" / path.relative_to(open_data / "ui_prmd")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    flags = ["--manual_dir=raw", "--methods=knn,stacked_lstm", "--smoke"]
    run_script("open_ui_prmd", *flags, cwd=place)
    [folder] = (place / "results").iterdir()
    return place / "raw", folder


def test_a_recording_of_ui_prmd_from_its_raw_file(ui_prmd):
    raw, folder = ui_prmd
    from keras_pain.corpora import ui_prmd as corpus

    files = {file.name: file.path for file in corpus.find_files(raw)}
    compared = 0
    for name in ("knn", "stacked_lstm"):
        for key in folds_of(folder, name):
            found = ResultStore(folder).read(key).predictions
            predictor = keras_pain.load(ResultStore(folder).path(key))
            for window, expected in zip(
                found["window_id"], found["probabilities"], strict=True
            ):
                recording, _, start = window.rpartition(":")
                table = predictor.predict(files[recording])
                row = (table.start * 60).round() == int(start)
                said = table[row].filter(like="p_").to_numpy()[0]
                np.testing.assert_allclose(said, expected, atol=1e-5)
                compared += 1
    assert compared > 3


# --- Faces ---


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Simulated clips, and results of methods of their frames."""
    place = tmp_path_factory.mktemp("faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template, "_PEOPLE", 4)
        patch.setattr(template, "_FRAMES", 6)
        template.write_template("faces", place / "data")
    keras_pain.evaluate(
        place / "data",
        label="pain",
        level="frame",
        methods=["pca_svm", "biscale_cross_vit"],
        size=64,
        epochs=1,
        folds="0:1",
        results_dir=str(place / "results"),
        data_dir=str(place / "tfds"),
    )
    return place / "data", place / "results"


def a_clip(root):
    """A video of the folder."""
    return min(root.glob("**/*.mp4"))


@pytest.mark.parametrize("method", ["pca_svm", "biscale_cross_vit"])
def test_frames_from_the_raw_file(faces, method):
    root, folder = faces
    [key] = folds_of(folder, method)
    predictor = keras_pain.load(ResultStore(folder).path(key))
    found = ResultStore(folder).read(key).predictions
    files = {row.name: row.path for row in folder_corpus.tables(root).rows}
    names = np.array([w.rpartition(":")[0] for w in found["window_id"]])
    for recording in np.unique(names).tolist():
        table = predictor.predict(files[recording])
        said = table.filter(like="p_").to_numpy()
        stored = found["probabilities"][names == recording]
        np.testing.assert_allclose(said, stored, atol=1e-5)


def test_the_command_writes_everything(faces, tmp_path, capsys):
    root, folder = faces
    command = ["predict", str(folder), str(a_clip(root)), "--annotate"]
    assert main([*command, f"--out={tmp_path}", "--method=pca_svm"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        *("predictions_SIMULATED.csv", "predictions.json"),
        *("timeline_SIMULATED.png", "faces_SIMULATED.png"),
        "annotated_SIMULATED.mp4",
    }
    said = capsys.readouterr().out
    for words in ("not a medical device", "ms a frame", "SIMULATED: trained"):
        assert words in said
    table = pd.read_csv(tmp_path / "predictions_SIMULATED.csv")
    assert len(table) == 6 and table.start[1] > 0
    done = main([*command[:-1], f"--out={tmp_path}", "--method=pca_svm"])
    assert done == 0 and not list(tmp_path.glob("annotated*"))
    assert main([*command, f"--out={tmp_path}", "--method=pca_svm"]) == 0
    frames = media.read_frames(tmp_path / "annotated_SIMULATED.mp4")
    assert len(frames) == 6
    assert frames[0].shape[0] > media.read_frames(a_clip(root))[0].shape[0]


def test_videos_that_are_odd(faces, tmp_path):
    root, folder = faces
    predictor = keras_pain.load(folder, method="pca_svm")
    frames = media.read_frames(a_clip(root))
    noise = np.random.default_rng(0).integers(0, 255, frames[0].shape)
    noise = noise.astype(np.uint8)
    nobody = media.write_mp4(tmp_path / "nobody.mp4", [noise] * 4, 25)
    with pytest.raises(KerasPainError, match="nobody.mp4: no face was found"):
        predictor.predict(nobody)
    alone = predictor.predict(a_clip(root))
    two = [np.concatenate([f, f[::2, ::2].repeat(2, 0)], 1) for f in frames]
    two = media.write_mp4(tmp_path / "two.mp4", two, 25)
    table = predictor.predict(two)
    assert "other face(s)" in str(table.attrs["notes"])
    assert len(table) == len(alone)
    # A cut to a picture without a face: its frames are guessed and say so.
    cut = media.write_mp4(tmp_path / "cut.mp4", frames + [noise] * 6, 25)
    assert predictor.predict(cut).valid.mean() == 0.5
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(cut.read_bytes()[:-400])
    with pytest.raises(KerasPainError, match="broken.mp4: "):
        predictor.predict(broken)


# --- Presets and exports ---


def test_a_preset_predicts_as_its_folds_and_names_nobody(signals, tmp_path):
    root, folder = signals
    predictor = keras_pain.load(folder, method="banet")
    place = predictor.save_to_preset(tmp_path / "preset")
    again = keras_pain.load(place)
    assert len(again.members) == 2
    pd.testing.assert_frame_equal(
        again.predict(root / "P0_0.csv"), predictor.predict(root / "P0_0.csv")
    )
    text = "".join(
        path.read_text()
        for path in place.rglob("*")
        if path.suffix in (".json", ".md")
    )
    assert not any(f"P{number}" in text for number in range(4))
    card = (place / presets.CARD_FILE).read_text()
    for words in (
        "licence",
        "not a medical device",
        "| all | 4 |",
        "| a | 2 |",
    ):
        assert words in card
    with pytest.raises(KerasPainError, match="is there already"):
        predictor.save_to_preset(place)


def test_changed_presets_and_other_versions_are_refused(signals, tmp_path):
    _, folder = signals
    predictor = keras_pain.load(folder, method="random_forest")
    place = predictor.save_to_preset(tmp_path / "preset")
    model = place / "network0" / "estimator.skops"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    with pytest.raises(KerasPainError, match="estimator.skops: was changed"):
        keras_pain.load(place)
    about = json.loads((place / "preset.json").read_text())
    (place / "preset.json").write_text(json.dumps(about | {"format": 2}))
    with pytest.raises(KerasPainError, match="is of format 2"):
        keras_pain.load(place)
    fold = tmp_path / "fold"
    shutil.copytree(predictor.members[0].folder, fold)
    (fold / PREPROCESSING_FILE).unlink()
    record = json.loads((fold / "result.json").read_text())
    del record["files"][PREPROCESSING_FILE]  # as in older folds
    (fold / "result.json").write_text(json.dumps(record))
    with pytest.raises(KerasPainError, match="could not predict"):
        keras_pain.load(fold)
    with pytest.raises(KerasPainError, match="no such folder"):
        keras_pain.load(tmp_path / "nothing")


@pytest.mark.parametrize("form", presets.FORMATS)
def test_exports_say_the_same(signals, tmp_path, capsys, form):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    _, folder = signals
    command = ["export", str(folder), str(tmp_path / "x"), f"--format={form}"]
    assert main([*command, "--method=lsfan", "--fold=fold0"]) == 0
    line = capsys.readouterr().out
    assert float(line.split("by ")[1].split()[0]) < 1e-5
    assert main([*command, "--method=random_forest"]) == 1
    assert "cannot be exported" in capsys.readouterr().err


PRESETS = sorted(path.parent for path in SHIPPED.glob("*/preset.json"))


@pytest.mark.parametrize("place", PRESETS, ids=lambda path: path.name)
def test_presets_of_the_suite_predict(place, tmp_path):
    """Of open recordings, real people, and anything of their form."""
    predictor = keras_pain.load(place.name)
    about = predictor.about
    assert about["corpus"] in ("ui_prmd", "buhmap", "emg_lower_limb")
    assert not predictor.simulated and not about["tested_groups"]
    path = tmp_path / "new.csv"
    rng, given = np.random.default_rng(0), about["input"]
    rate = given.get("file_rate") or given.get("rate")
    if given["kind"] == "landmarks":
        face = 100 + 50 * rng.random((68, 2))
        clip = face + rng.normal(0, 0.5, (25, 68, 2))
        path.write_text(landmarks.csv_text(clip))
    else:
        values = 90 + 5 * rng.random((4000, len(about["channels"])))
        table = pd.DataFrame(values, columns=about["channels"])
        table.assign(time=np.arange(4000) / rate).to_csv(path, index=False)
    table = predictor.predict(path)
    names = [f"p_{name}" for name in predictor.class_names]
    np.testing.assert_allclose(table[names].sum(axis=1), 1, atol=1e-5)
    assert table[[f"sd_{n}" for n in predictor.class_names]].max().max() > 0
    card = (place / presets.CARD_FILE).read_text()
    assert "licence of the recordings: " in card and "unknown" not in card
    size = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
    assert size < 4e6
