"""Generated pictures reach the training of their person's folds, no more."""

import dataclasses
import pathlib
import zipfile
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from fake_faces import fake_store, picture

from keras_pain.augment.training import ExtendedFrames, with_generated
from keras_pain.data.clips import cut_clips
from keras_pain.data.feed import evaluation_clips
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.experiments.folds import prepare_fold
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.store import FoldKey
from keras_pain.reproduction import aacsfnet
from keras_pain.reproduction.faces import few_clips

SETTINGS = {"label": "pspi", "level": "frame", "size": 40, "every": 2}
FOLD = Fold("s0", ("s2", "s3"), ("s1",), ("s0",))


@dataclasses.dataclass(frozen=True)
class Made:
    path: pathlib.Path
    subject: str
    pspi: float
    source: str
    copy: int = 0
    method: str = "geometric"


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    made = []
    for number, subject in enumerate(["s0", "s1", "s2", "s2"]):
        path = folder / f"{number}.png"
        cv2.imwrite(path, picture(number, 0))
        label, source = 16.0 - number, f"{subject}/x"
        made.append(Made(path, subject, label, source, number))
    return ExtendedFrames(fake_store(people=4, clips=2), made)


def test_only_people_who_train_are_trained_on_generated(extended):
    clips = cut_clips(extended, **SETTINGS)
    assert clips.generated.sum() == 4
    assert sorted(clips.y[clips.generated]) == [13, 14, 15, 16]
    data = prepare_fold(clips, FOLD, 0)
    assert data.augmented.generated.sum() == 2
    assert set(data.augmented.person[data.augmented.generated]) == {"s2"}
    for part in (data.train, data.validation, data.test):
        assert len(part) and not part.generated.any()
    assert len(data.augmented) == len(data.train) + 2


def test_their_pixels_are_those_of_the_files(extended):
    clips = cut_clips(extended, **SETTINGS)
    made = clips.take(clips.generated)
    x, _ = next(iter(evaluation_clips(made, made.y[:, None], 4)))
    grey = x[:, 30:, 10:].numpy().mean(axis=(1, 2, 3))
    np.testing.assert_allclose(grey, 60 + 15 * np.arange(4), atol=3)


def test_the_dataset_stays_in_its_memory_map(extended):
    store = fake_store(people=4, clips=2)
    real = int(store.first[-1])
    given, _ = extended._stores
    assert given._data.nbytes == store._data.nbytes
    codes = extended.coded(np.array([real + 3, 5, real, real - 1]))
    assert codes[[1, 3]].tolist() == store.coded([5, real - 1]).tolist()
    for code, number in zip(codes[[0, 2]], (3, 0), strict=True):
        pixels = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR)
        assert abs(pixels[30:, 10:].mean() - (60 + 15 * number)) < 3


def test_what_is_drawn_of_validation_and_test_is_real(
    extended, tmp_path, monkeypatch
):
    clips = cut_clips(extended, **SETTINGS)
    key = FoldKey("loso", "leak_free", "aacsfnet", 0, "s0")
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    method = {"options": {"balance": "none"}, "recipe": {"learning_rate": 1}}
    history = {"history": [{"loss": 1.0, "val_loss": 1.0}]}
    run = SimpleNamespace(
        samples={"leak_free": clips},
        tasks=[SimpleNamespace(key=key, fold=FOLD)],
        table=SimpleNamespace(title="t"),
        prepared=SimpleNamespace(simulated=True),
        store=SimpleNamespace(
            path=lambda key: tmp_path,
            read=lambda key: SimpleNamespace(result=history),
        ),
    )
    (task,) = run.tasks
    task.config = {"method": method, "defects": ()}
    real = clips.take(~clips.generated)
    mean = real.of_subjects(FOLD.train).y.mean()
    expected = np.mean((real.of_subjects(FOLD.validation).y - mean) ** 2)
    loss = aacsfnet._relative(run, task)
    assert loss.validation_constant == pytest.approx(expected)

    model = SimpleNamespace(predict=lambda x, verbose: np.zeros((len(x), 1)))
    monkeypatch.setattr("keras.models.load_model", lambda path: model)
    maps = [None] * 3, {}
    monkeypatch.setattr(aacsfnet, "face_attention", lambda *_: maps)
    drawn = []
    draw = "plot_attended_faces", lambda faces, *_, **__: drawn.extend(faces)
    monkeypatch.setattr(aacsfnet, *draw)
    aacsfnet.draw_attention(run, tmp_path / "x.png")
    most = real.of_subjects(FOLD.test).y.max()
    assert drawn[-1].title.startswith(f"PSPI {most:g},")


def test_a_tested_person_is_never_trained_on(extended):
    clips = cut_clips(extended, **SETTINGS)
    fold = Fold("bad", ("s0", "s2"), ("s1",), ("s0",))
    with pytest.raises(ConfigurationError, match="s0 would be trained on"):
        prepare_fold(clips, fold, 0)
    fold = Fold("baseline", ("s1", "s2", "s3"), ("s1",), ("s0",))
    data = prepare_fold(clips, fold, 0)
    assert "s1" not in data.augmented.person[data.augmented.generated]
    for wrong in ({"unit": "clip"}, {"level": "clip"}):
        with pytest.raises(ConfigurationError, match="generated"):
            cut_clips(extended, **{**SETTINGS, **wrong})


def test_a_smoke_run_tests_the_same_frames_with_and_without(extended):
    plain = few_clips(cut_clips(extended._stores[0], **SETTINGS), 3)
    more = few_clips(cut_clips(extended, **SETTINGS), 3)
    assert more.generated.sum() == 4
    real = more.take(~more.generated)
    assert real.window_id.tolist() == plain.window_id.tolist()


def test_a_lost_picture_is_named():
    made = [Made(pathlib.Path("nowhere.png"), "s0", 1.0, "s0/x")]
    with pytest.raises(BadFileError, match="nowhere.png"):
        ExtendedFrames(fake_store(people=2), made)


def test_flag_needs_single_frames_and_a_run(tmp_path):
    what = "unbc_mcmaster", "c112", "f" * 64, True, [], False
    prepared = PreparedDataset(tmp_path, *what)
    store = fake_store(people=2)
    clips = {**SETTINGS, "level": "clip"}
    with pytest.raises(ConfigurationError, match="single frames"):
        with_generated(store, "geometric", clips, prepared, None)
    cut = cut_clips(store, **SETTINGS)
    gone = str(tmp_path / "none")
    with pytest.raises(BadFileError):
        with_generated(store, gone, SETTINGS, prepared, lambda: cut)
