"""Latency: what is timed, and what is not."""

import keras
import numpy as np
import pytest
from fake_recordings import make_windows

from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import latency
from keras_pain.experiments.latency import keras_predictor, measure_latency


def windows(count: int) -> WindowSet:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 20, 3)).astype(np.float32)
    return make_windows(x, np.zeros(count, np.int64))


class Clock:
    """A clock that only a prediction moves."""

    def __init__(self, monkeypatch, durations):
        self.now, self.calls, self.durations = 0.0, [], iter(durations)
        monkeypatch.setattr(latency.time, "perf_counter", lambda: self.now)

    def predict(self, batch):
        self.calls.append(batch)
        self.now += next(self.durations)


def test_the_median_call_is_timed_and_the_first_ones_are_not(monkeypatch):
    # Three slow calls of tracing, one hiccup among five.
    single = [9, 9, 9, 0.004, 0.004, 7, 0.004, 0.002]
    batch = [9, 9, 9, 0.2, 0.1, 0.1, 0.1, 0.3]
    clock = Clock(monkeypatch, [*single, *batch])
    monkeypatch.setattr(latency, "CALLS", 5)
    found = measure_latency(clock.predict, windows(3), (1, 5))
    assert found == {1: pytest.approx(4.0), 5: pytest.approx(100 / 5)}
    assert [len(call) for call in clock.calls] == [1] * 8 + [5] * 8
    # Windows repeat where a batch has more than there are.
    assert clock.calls[-1].start.tolist() == [0, 1, 2, 0, 1]


def test_slow_methods_are_timed_at_least_three_times(monkeypatch):
    clock = Clock(monkeypatch, [20.0] * 99)
    assert measure_latency(clock.predict, windows(2), (2,)) == {2: 10000.0}
    assert len(clock.calls) == 6


def test_what_cannot_be_timed_is_refused():
    with pytest.raises(ConfigurationError, match="at least one window"):
        measure_latency(len, windows(0))
    with pytest.raises(ConfigurationError, match="at least 1"):
        measure_latency(len, windows(1), (1, 0))


def test_the_compiled_network_predicts_what_predict_does():
    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    predict = keras_predictor(model)
    for count in (1, 7):
        data = windows(count)
        expected = model.predict(data.x, verbose=0)
        found = predict(data)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    times = measure_latency(predict, windows(4), (1, 8))
    assert 0 < times[8] < times[1] < 1000
