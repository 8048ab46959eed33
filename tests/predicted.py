"""Whether stored folds predict their own test samples again."""

from pathlib import Path

import numpy as np

import keras_pain
from keras_pain.data import clips as clip_data
from keras_pain.data.prepare import load_recordings
from keras_pain.experiments.store import ResultStore
from keras_pain.reproduction.experiment import chosen_windows
from keras_pain.reproduction.run import read_note


def folds_of(folder, method, protocol="leak_free"):
    """Keys of a method's finished folds."""
    keys = ResultStore(folder).completed()
    return [k for k in keys if (k.method, k.protocol) == (method, protocol)]


def own_samples(folder, key, smoke=True):
    """The unscaled samples of a fold's test people, and what it predicted."""
    result = ResultStore(folder).read(key)
    note = read_note(folder)
    place, further = Path(note["dataset"]), note["further"]
    settings = dict(result.config["dataset"]["windows"])
    found = result.predictions
    if "cut" in settings:
        recordings = load_recordings(place)
        samples = chosen_windows(recordings, settings, smoke)
    else:
        frames = clip_data.open_frames(place)
        for part in further:
            points = clip_data.read_landmarks(part)
            frames = clip_data.LandmarkedFrames(frames, points)
        samples = clip_data.cut_clips(frames, **settings)
    order = {name: place for place, name in enumerate(samples.window_id)}
    samples = samples.take([order[name] for name in found["window_id"]])
    return samples, found.get("probabilities", found.get("y_pred"))


def assert_predicts_again(folder, method, protocol="leak_free"):
    """By nothing but the fold and its unscaled samples, to 1e-5."""
    keys = folds_of(folder, method, protocol)
    assert keys
    for key in keys[:2]:
        predictor = keras_pain.load(ResultStore(folder).path(key))
        samples, stored = own_samples(folder, key)
        said = predictor.scores(samples)[0]
        np.testing.assert_allclose(said, stored, atol=1e-5)
