"""The contract that every model of the registry keeps, in one call.

`check_model(case, tmp_path)` is called by `test_models.py` for each row of its
table. Networks are built small; only their parameters and operations are
counted at full size, and that without their weights' memory.
`python tests/model_checks.py --write` generates the golden outputs anew.
"""

import argparse
import collections
import dataclasses
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_pain.errors import ConfigurationError
from keras_pain.models.flops import count_flops, weightless
from keras_pain.models.registry import (
    CLIPS,
    FRAMES,
    LANDMARKS,
    MODELS,
    WINDOWS,
    ModelEntry,
)

GOLDEN = Path(__file__).parent / "golden" / "model_outputs.json"
TIME, REAL, CHANNELS = 12, 8, 30
STATISTICS = ("moving_mean", "moving_variance")  # of a batch normalisation
# How many dropouts of which rate a network has, from the fact sheets of its
# released code or paper; the others have none. L3D's paper has none, and none
# is said of ALANet's codes; C3D's are Tran et al.'s.
DROPOUTS = {
    "stacked_lstm": {0.5: 3},
    "banet": {0.5: 3},
    "banet_temporal": {0.5: 3},
    "banet_bodily": {0.5: 3},
    "lsfan": {0.2: 4},  # attention, hidden units, both residuals
    "conv_lstm": {0.5: 2},
    "bi_lstm": {0.5: 3},
    "dual_stream_lstm": {0.5: 6},
    "c3d": {0.5: 2},
    # Encoder layers have 4: 3 of channels, 3 a patch scale, 2 of the fusion;
    # 2 after the reduction; on the tokens, and 2 of the cross attention.
    "aacsfnet": {0.1: 12 + 2 * 12 + 8 + 2 + 3, 0.5: 1},
    "aacsfnet_as_coded": {0.1: 12 + 3 * 12 + 8 + 2 + 3, 0.5: 1},
    "resnet50_ham": {0.1: 12 + 2, 0.5: 1},
    "biscale_cross_vit": {0.1: 2 * 12 + 3},
    "convnext_lstm_c": {0.25: 1},
    "stgcn_lstm": {0.25: 3 * 3 + 2},
    "stgcn_lstm_as_coded": {0.25: 3 * 3 + 2},
}
# The last layer's activation by its name.
_OUTPUTS = {
    "intensity": "linear",
    "classes": "softmax",
    "probabilities": "softmax",
    "reconstruction": "linear",
    "join_parts": None,
}


def without_weights(model) -> collections.Counter:
    """Its dropouts by rate, and normalisations by epsilon, counted.

    What no comparison of weights or of predictions sees; layers inside of
    layers are counted as well, each once however often it is called.
    """
    found = collections.Counter()
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Dropout) and layer.rate:
            found["dropout", layer.rate] += 1
        elif isinstance(layer, keras.layers.LayerNormalization):
            found["layer norm", layer.epsilon] += 1
        elif isinstance(layer, keras.layers.BatchNormalization):
            found[f"batch norm {layer.momentum:g}", layer.epsilon] += 1
        for name in ("dropout", "recurrent_dropout"):  # of LSTM layers
            if isinstance(layer, keras.layers.RNN) and getattr(layer, name, 0):
                found[name, getattr(layer, name)] += 1
    return found


@dataclasses.dataclass(frozen=True)
class ModelCase:
    """What the contract needs to know of one model.

    Args:
        name: Key in `MODELS`.
        parameters: Golden count at the registry's arguments, all weights.
        small: Arguments of the builder that make a network which runs in a
            moment; must hold `input_shape`.
        alternatives: Arguments of the builder with a value other than the
            tested one, which must change the network. All cases of a builder
            together name all of its keywords but `input_shape` and `name`.
        untrained: How many of them are frozen, or statistics.
        trained: Arguments under which all weights are trained, statistics of
            batch normalisations excepted.
        no_gradient: Weights (by the end of their path) whose gradient is zero
            by construction, and why.
        independent: Whether outputs do not depend on the rest of the batch.
        masked: Whether padded frames leave no trace in the output.
        weights_from: Arguments that only say where the weights come from;
            they change no configuration, and are tested elsewhere.
    """

    name: str
    parameters: int
    small: Mapping[str, Any]
    alternatives: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    untrained: int = 0
    trained: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    no_gradient: Mapping[str, str] = dataclasses.field(default_factory=dict)
    independent: bool = True
    masked: bool = False
    weights_from: tuple[str, ...] = ()

    @property
    def entry(self) -> ModelEntry:
        return MODELS[self.name]

    @property
    def is_of_windows(self) -> bool:
        return self.entry.data == WINDOWS

    @property
    def shape(self) -> tuple[int, ...]:
        return self.small["input_shape"]

    def build(self, **overrides) -> keras.Model:
        return self.entry.build(**{**self.small, **overrides})

    def inputs(self, count: int = 3) -> np.ndarray:
        """Windows, pictures from 0 to 255, landmarks in pixels, or features."""
        if self.is_of_windows:
            return windows(4, self.shape[0], self.shape[0] * REAL // TIME)
        rng = np.random.default_rng(7)
        shape = (count, *self.shape)
        if self.entry.data in (CLIPS, FRAMES):
            # Every example has its own brightness, so that they differ.
            light = rng.uniform(0.3, 1, size=(count, *[1] * (len(shape) - 1)))
            pictures = np.floor(light * rng.uniform(0, 256, size=shape))
            return pictures.astype("float32")
        x = rng.normal(size=shape)
        if self.entry.data == LANDMARKS:
            x = 112 + 40 * x
        return x.astype("float32")

    def start(self, seed: int = 11, **overrides) -> keras.Model:
        """A network whose weights are off their defaults.

        Of windows, all come from NumPy. Those of a deep network would blow it
        up: it starts as it does, but for biases and statistics; one whose
        biases are zero would hide that some are not used.
        """
        keras.utils.set_random_seed(seed)
        model = self.build(**overrides)
        if self.is_of_windows:
            return fill(model, seed)
        rng = np.random.default_rng(seed)
        for weight in model.weights:
            if len(weight.shape) == 1 and weight.dtype.startswith("float"):
                noise = rng.normal(0.0, 0.05, size=weight.shape)
                weight.assign(keras.ops.convert_to_numpy(weight) + noise)
        return model


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


def outputs(model, x: np.ndarray, layer: str | None = None) -> np.ndarray:
    """Of a model or layer, or of a named layer of the model."""
    if layer is not None:
        model = keras.Model(model.input, model.get_layer(layer).output)
    return keras.ops.convert_to_numpy(model(x, training=False))


def trained(model) -> int:
    """Number of the trained weights of a model or layer."""
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def golden_output(case: ModelCase) -> list[float]:
    """A few numbers of the output under fixed weights and input."""
    flat = outputs(case.start(), case.inputs()).ravel()
    index = np.linspace(0, flat.size - 1, min(flat.size, 8)).astype(int)
    return [round(float(v), 7) for v in flat[index]]


def refusals(*cases):
    """A test that every `build()` is refused in a line with its message."""

    @pytest.mark.parametrize(("build", "message"), cases)
    def refuses(build, message):
        with pytest.raises(ConfigurationError, match=message) as error:
            build()
        assert "\n" not in str(error.value)

    return refuses


def check_model(case: ModelCase, tmp_path: Path) -> None:
    """Asserts the whole contract for one model."""
    check_counts(case)
    check_signature(case)
    model = case.start()
    check_layers(model)
    check_forward(case, model)
    check_gradients(case, model)
    check_round_trips(case, model, tmp_path)
    check_predict(model, case.inputs(), 1e-5 if case.is_of_windows else 1e-4)
    check_seeds(case)
    check_mixed_precision(case, model)
    if case.is_of_windows:
        check_golden_output(case)
        check_padding(case)


def check_counts(case: ModelCase) -> None:
    """Parameters and operations at the registry's own size."""
    with weightless():
        model = case.entry.build()
        assert model.count_params() == case.parameters
        assert trained(model) == case.parameters - case.untrained
        one = count_flops(model)
        assert one > 0
        three = count_flops(model, batch_size=3)
        # Where examples see each other, they cost the more the more they are.
        assert three == 3 * one if case.independent else three > 3 * one
        rates = {
            rate: count
            for (kind, rate), count in without_weights(model).items()
            if kind.endswith("dropout")
        }
        assert rates == DROPOUTS.get(case.name, {})


def check_golden_output(case: ModelCase) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert case.name in golden, "run `python tests/model_checks.py --write`"
    np.testing.assert_allclose(
        golden_output(case), golden[case.name], atol=1e-5
    )


def check_layers(model: keras.Model) -> None:
    """Named, none written as a lambda, the last one as agreed."""
    layers = list(model._flatten_layers(include_self=False))
    assert not [x for x in layers if isinstance(x, keras.layers.Lambda)]
    assert len({x.name for x in model.layers}) == len(model.layers)
    # Every weight has an address of its own.
    assert len({w.path for w in model.weights}) == len(model.weights)
    last = model.layers[-1]
    assert last.name in _OUTPUTS, f"the last layer is called {last.name!r}"
    assert last.get_config().get("activation") == _OUTPUTS[last.name]
    if last.name == "intensity":
        assert model.output_shape == (None, 1)


def check_signature(case: ModelCase) -> None:
    """Every argument of the builder changes the model's configuration."""
    base = _small_configuration(case)
    assert _small_configuration(case) == base, "two equal builds differ"
    for argument, value in case.alternatives.items():
        other = _small_configuration(case, **{argument: value})
        assert other != base, argument
    shape = case.shape
    if case.is_of_windows:
        shape = (shape[0] - 3, *shape[1:])
    with weightless():
        model = case.build(input_shape=shape, name="another")
    assert model.name == "another"
    assert model.input_shape == (None, *shape)


def check_all_arguments(cases: Sequence[ModelCase]) -> None:
    """The cases of every builder check all of its arguments."""
    named = collections.defaultdict(lambda: {"input_shape", "name"})
    for case in cases:
        named[case.entry.builder].update(case.alternatives, case.weights_from)
    for builder, arguments in named.items():
        wanted = {*inspect.signature(builder).parameters}
        assert arguments == wanted, builder.__name__


def _small_configuration(case: ModelCase, **overrides) -> str:
    # Resets the numbers in the names that Keras itself gives.
    keras.backend.clear_session(free_memory=False)
    with weightless():
        return _configuration(case.build(**overrides))


def _configuration(model: keras.Model) -> str:
    return json.dumps(model.get_config(), sort_keys=True)


def check_round_trips(
    case: ModelCase, model: keras.Model, tmp_path: Path
) -> None:
    x, path = case.inputs(), tmp_path / f"{model.name}.keras"
    expected = outputs(model, x)
    model.save(path)
    # In Keras' safe mode, from the configuration.
    loaded = keras.models.load_model(path)
    atol = 1e-6 if case.is_of_windows else 1e-5
    np.testing.assert_allclose(outputs(loaded, x), expected, atol=atol)
    for ours, theirs in zip(
        model.trainable_weights, loaded.trainable_weights, strict=True
    ):
        # Keras drops the name of a Bidirectional wrapper on loading.
        assert ours.path.endswith(theirs.path)
    if case.is_of_windows:
        copy = type(model).from_config(model.get_config())
        copy.set_weights(model.get_weights())
        np.testing.assert_allclose(outputs(copy, x), expected, atol=1e-6)
    else:
        assert _configuration(loaded) == _configuration(model)


def check_forward(case: ModelCase, model: keras.Model) -> None:
    """Finite for any batch; an example does not depend on its neighbours."""
    x = case.inputs()
    expected = outputs(model, x)
    assert np.isfinite(expected).all()
    assert np.ptp(expected, axis=0).max() > 1e-6, "all examples alike"
    if case.independent:
        atol = 1e-5 if case.is_of_windows else 1e-4
        for count in {1, len(x) - 1}:
            alone = outputs(model, x[:count])
            np.testing.assert_allclose(alone, expected[:count], atol=atol)
    else:
        assert np.abs(outputs(model, x[:1]) - expected[:1]).max() > 1e-4
    extremes = np.zeros((1, *case.shape), np.float32)
    assert np.isfinite(outputs(model, extremes)).all()
    if case.entry.data in (CLIPS, FRAMES):
        assert np.isfinite(outputs(model, extremes + 255)).all()
        whole = outputs(model, x.astype(np.uint8))
        np.testing.assert_array_equal(whole, expected)


def check_padding(case: ModelCase) -> None:
    """Padded to a longer window, the same frames yield the same output."""
    if not case.masked:
        return
    time = case.shape[0] * REAL // TIME
    longer = case.start()
    shorter = case.start(input_shape=(time, CHANNELS))
    x = case.inputs()[1::2]
    assert not x[:, time:].any()
    expected = outputs(shorter, x[:, :time])
    actual = outputs(longer, x)
    if actual.ndim == 3:  # an autoencoder reconstructs padded frames, too
        actual = actual[:, :time]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def check_gradients(case: ModelCase, model: keras.Model) -> None:
    """Every weight is trained but statistics."""
    if case.trained:
        model = case.start(**case.trained)
    for weight in model.non_trainable_weights:
        kept = (*STATISTICS, "seed_generator_state")
        assert weight.name in kept, weight.path
    sizes = gradient_sizes(model, case.inputs(2))
    least = 1e-5 if case.is_of_windows else 1e-6 * max(sizes.values())
    for path, size in sizes.items():
        if path.endswith(tuple(case.no_gradient)):
            assert size < least, f"{path} is no exception: {size}"
        else:
            assert size > least, f"{path}: {size}"


def gradient_sizes(model: keras.Model, x: np.ndarray) -> dict[str, float]:
    """Largest gradient of every trained weight, by the weight's path."""
    import tensorflow as tf

    weights = model.trainable_weights
    direction = np.random.default_rng(3).normal(size=outputs(model, x).shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=False) * direction)
    sizes = {}
    gradients = tape.gradient(loss, [w.value for w in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, weight.path
        sizes[weight.path] = float(tf.reduce_max(tf.abs(gradient)))
    return sizes


def check_seeds(case: ModelCase) -> None:
    """The same seed builds the same network, names of layers included."""
    models = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        models.append(case.build())
    first, same, other = (model.get_weights() for model in models)
    np.testing.assert_equal(first, same)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    if not case.is_of_windows:  # whose masks are operations without names
        first, same = map(_configuration, models[:2])
        assert first == same, "unnamed layers?"


def check_predict(model: keras.Model, x: np.ndarray, atol: float) -> None:
    """Prediction repeats itself, equals a call and changes no weight."""
    before = model.get_weights()
    first, again = (model.predict(x, verbose=0, batch_size=2) for _ in "12")
    np.testing.assert_array_equal(again, first)
    called = [outputs(model, x[i : i + 2]) for i in range(0, len(x), 2)]
    np.testing.assert_allclose(first, np.concatenate(called), atol=atol)
    np.testing.assert_equal(model.get_weights(), before)


def check_mixed_precision(case: ModelCase, model: keras.Model) -> None:
    """16 bits inside, a float32 output, about the same.

    In bfloat16 for faces: TensorFlow has no float16 pooling of clips on a CPU.
    """
    x = case.inputs()
    expected = outputs(model, x)
    kind = "float16" if case.is_of_windows else "bfloat16"
    keras.config.set_dtype_policy(f"mixed_{kind}")
    try:
        half = case.build()
        half.set_weights(model.get_weights())
        actual = outputs(half, x)
    finally:
        keras.config.set_dtype_policy("float32")
    assert actual.dtype == np.float32
    scale = 1.0
    if not case.is_of_windows:
        scale = max(scale, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, atol=0.05 * scale)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True)
    parser.parse_args()
    from test_models import CASES

    golden = {
        case.name: golden_output(case) for case in CASES if case.is_of_windows
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"wrote {GOLDEN}")
