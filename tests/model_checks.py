"""The contract that every model of movement windows keeps, in one call.

`check_model(case, tmp_path)` is called by `test_models.py` for each row.
`python tests/model_checks.py --write` generates the golden outputs anew.
"""

import argparse
import dataclasses
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_pain.models.registry import MODELS, ModelEntry

GOLDEN = Path(__file__).parent / "golden" / "model_outputs.json"
TIME, REAL, CHANNELS = 12, 8, 30
_STATISTICS = ("moving_mean", "moving_variance")  # of a batch normalisation

# Weights whose gradient is zero by construction, and why.
NO_GRADIENT = {
    "temporal_attention/bias": "a softmax over time ignores a constant",
}


@dataclasses.dataclass(frozen=True)
class ModelCase:
    """What the contract needs to know of one model.

    Args:
        name: Key in `MODELS`.
        parameters: Golden count at the registry's arguments.
        alternatives: For every keyword of the builder but `input_shape` and
            `name`, a value other than the tested one.
        trained: Arguments under which all weights are trained, statistics of
            batch normalisations excepted.
        time: Frames of the tested windows.
        masked: Whether padded frames leave no trace in the output.
    """

    name: str
    parameters: int
    alternatives: Mapping[str, Any]
    trained: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    time: int = TIME
    masked: bool = True

    @property
    def entry(self) -> ModelEntry:
        return MODELS[self.name]

    @property
    def real(self) -> int:
        return self.time * REAL // TIME

    def build(self, time: int | None = None, **overrides) -> keras.Model:
        shape = (time or self.time, CHANNELS)
        return self.entry.build(input_shape=shape, **overrides)

    def windows(self) -> np.ndarray:
        return windows(time=self.time, real=self.real)


def windows(count: int = 4, time: int = TIME, real: int = REAL) -> np.ndarray:
    """Windows of which every second one is padded from frame `real` on."""
    x = np.random.default_rng(7).normal(size=(count, time, CHANNELS))
    x[1::2, real:] = 0.0
    # Random discarding: some body parts vanish in some real frames.
    x[:, 3:6, [0, 13, 5, 18]] = 0.0
    return x.astype(np.float32)


def fill(model: keras.Model, seed: int = 11) -> keras.Model:
    """Weights from NumPy, the same on every backend and machine."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(0.0, 0.4, size=weight.shape)
        if weight.name == "moving_variance":
            value = 0.5 + np.abs(value)
        weight.assign(value)
    return model


def outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(x, training=False))


def golden_output(case: ModelCase) -> list[float]:
    """A few numbers of the output under fixed weights and input."""
    flat = outputs(fill(case.build()), case.windows()).ravel()
    index = np.linspace(0, flat.size - 1, min(flat.size, 8)).astype(int)
    return [round(float(v), 7) for v in flat[index]]


def check_model(case: ModelCase, tmp_path: Path) -> None:
    """Asserts the whole contract for one model."""
    model = fill(case.build())
    check_parameter_count(case)
    check_golden_output(case)
    check_signature(case)
    check_round_trips(case, model, tmp_path)
    check_forward(case, model)
    check_padding(case)
    check_gradients(case)
    check_seeds(case)
    check_predict(case, model)
    check_mixed_precision(case)


def check_parameter_count(case: ModelCase) -> None:
    assert case.entry.build().count_params() == case.parameters


def check_golden_output(case: ModelCase) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert case.name in golden, "run `python tests/model_checks.py --write`"
    np.testing.assert_allclose(
        golden_output(case), golden[case.name], atol=1e-5
    )


def check_signature(case: ModelCase) -> None:
    """Every argument of the builder changes the model's configuration."""
    signature = inspect.signature(case.entry.builder)
    assert set(case.alternatives) == {*signature.parameters} - {
        "input_shape",
        "name",
    }
    base = _configuration(case)
    assert _configuration(case) == base, "two equal builds differ"
    for argument, value in case.alternatives.items():
        assert _configuration(case, **{argument: value}) != base, argument
    model = case.build(time=case.time - 3, name="another")
    assert model.name == "another"
    assert model.input_shape == (None, case.time - 3, CHANNELS)


def _configuration(case: ModelCase, **overrides) -> str:
    # Resets the numbers in the names that Keras itself gives.
    keras.backend.clear_session(free_memory=False)
    return json.dumps(case.build(**overrides).get_config(), sort_keys=True)


def check_round_trips(
    case: ModelCase, model: keras.Model, tmp_path: Path
) -> None:
    x, path = case.windows(), tmp_path / f"{model.name}.keras"
    expected = outputs(model, x)
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(outputs(copy, x), expected, atol=1e-6)
    model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_allclose(outputs(loaded, x), expected, atol=1e-6)
    for ours, theirs in zip(
        model.trainable_weights, loaded.trainable_weights, strict=True
    ):
        # Keras drops the name of a Bidirectional wrapper on loading.
        assert ours.path.endswith(theirs.path)


def check_forward(case: ModelCase, model: keras.Model) -> None:
    """Finite for any batch; a window does not depend on its neighbours."""
    x = case.windows()
    expected = outputs(model, x)
    assert np.isfinite(expected).all()
    for count in (1, 3):
        np.testing.assert_allclose(
            outputs(model, x[:count]), expected[:count], atol=1e-5
        )
    nothing = np.zeros((1, case.time, CHANNELS), np.float32)
    assert np.isfinite(outputs(model, nothing)).all()


def check_padding(case: ModelCase) -> None:
    """Padded to a longer window, the same frames yield the same output."""
    if not case.masked:
        return
    real = case.real
    longer, shorter = fill(case.build()), fill(case.build(real))
    x = case.windows()[1::2]
    assert not x[:, real:].any()
    expected = outputs(shorter, x[:, :real])
    actual = outputs(longer, x)
    if actual.ndim == 3:  # an autoencoder reconstructs padded frames, too
        actual = actual[:, :real]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def check_gradients(case: ModelCase) -> None:
    """Every weight is trained, those of `NO_GRADIENT` excepted."""
    import tensorflow as tf

    model, x = fill(case.build(**case.trained)), case.windows()
    assert all(w.name in _STATISTICS for w in model.non_trainable_weights)
    direction = np.random.default_rng(3).normal(size=model(x).shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=False) * direction)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    for weight, gradient in zip(
        model.trainable_weights, gradients, strict=True
    ):
        assert gradient is not None, weight.path
        size = np.abs(gradient.numpy()).max()
        if weight.path in NO_GRADIENT:
            assert size < 1e-5, f"{weight.path} is no exception: {size}"
        else:
            assert size > 1e-5, f"{weight.path}: {size}"


def check_seeds(case: ModelCase) -> None:
    first, same, other = (_initial(case, seed) for seed in (1, 1, 2))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def _initial(case: ModelCase, seed: int) -> list[np.ndarray]:
    keras.utils.set_random_seed(seed)
    return case.build().get_weights()


def check_predict(case: ModelCase, model: keras.Model) -> None:
    """Prediction repeats itself, equals a call and changes no weight."""
    x, before = case.windows(), model.get_weights()
    first = model.predict(x, verbose=0, batch_size=3)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0, batch_size=3), first
    )
    np.testing.assert_allclose(first, outputs(model, x), atol=1e-5)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def check_mixed_precision(case: ModelCase) -> None:
    expected = outputs(fill(case.build()), case.windows())
    keras.config.set_dtype_policy("mixed_float16")
    try:
        actual = outputs(fill(case.build()), case.windows())
    finally:
        keras.config.set_dtype_policy("float32")
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=0.05)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True)
    parser.parse_args()
    from test_models import CASES

    golden = {case.name: golden_output(case) for case in CASES}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"wrote {GOLDEN}")
