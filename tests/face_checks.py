"""The contract of the models that are fed no movement windows, in one call.

`check_face_model(case, tmp_path)` is called by `test_face_models.py` for each
row of its table. Networks are built small; only their parameters are counted
at full size, and that without their weights' memory.
"""

import dataclasses
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_pain.models.flops import count_flops
from keras_pain.models.registry import (
    CLIPS,
    FRAMES,
    LANDMARKS,
    MODELS,
    ModelEntry,
)
from keras_pain.models.weightless import weightless

_STATISTICS = ("moving_mean", "moving_variance")  # of a batch normalisation
_OUTPUTS = {"intensity": "linear", "classes": "softmax"}


@dataclasses.dataclass(frozen=True)
class FaceCase:
    """What the contract needs to know of one model.

    Args:
        name: Key in `MODELS`.
        parameters: Golden count at the registry's arguments, all weights.
        small_arguments: Arguments of the builder that make a network which
            runs in a moment; must hold `input_shape`.
        alternatives: Arguments of the builder with a value other than the
            tested one, which must change the network. All cases of a builder
            together name all of its keywords but `input_shape` and `name`.
        trained_parameters: The same of the trained weights only; None where
            nothing is said about it.
        frozen: Beginnings of the paths of weights that are not trained.
        no_gradient: Weights (by the end of their path) whose gradient is zero
            by construction, and why.
        independent: Whether an example's output is the same whatever is
            beside it in the batch.
        weights_from: Arguments that only say where the weights come from;
            they change no configuration, and are tested elsewhere.
        half_tolerance: Largest difference of outputs between float32 and
            mixed
            bfloat16, as a share of the outputs' size where that is above 1.
    """

    name: str
    parameters: int
    small_arguments: Mapping[str, Any]
    alternatives: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trained_parameters: int | None = None
    frozen: tuple[str, ...] = ()
    no_gradient: Mapping[str, str] = dataclasses.field(default_factory=dict)
    independent: bool = True
    weights_from: tuple[str, ...] = ()
    half_tolerance: float = 0.05

    @property
    def entry(self) -> ModelEntry:
        return MODELS[self.name]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.small_arguments["input_shape"]

    def build(self, **overrides) -> keras.Model:
        return self.entry.build(**{**self.small_arguments, **overrides})

    def inputs(self, count: int = 2) -> np.ndarray:
        """Pictures from 0 to 255, landmarks in pixels, or features."""
        rng = np.random.default_rng(7)
        shape = (count, *self.input_shape)
        if self.entry.data in (CLIPS, FRAMES):
            # Every example has its own brightness, so that they differ.
            light = rng.uniform(0.3, 1, size=(count, *[1] * (len(shape) - 1)))
            return np.floor(light * rng.uniform(0, 256, size=shape)).astype(
                "float32"
            )
        x = rng.normal(size=shape)
        if self.entry.data == LANDMARKS:
            x = 112 + 40 * x
        return x.astype("float32")


def start(case: FaceCase, seed: int = 11, **overrides) -> keras.Model:
    """A network as it starts, with biases and statistics off their defaults.

    A deep network with wild weights would blow up; one whose biases are zero
    would hide that some are not used.
    """
    keras.utils.set_random_seed(seed)
    model = case.build(**overrides)
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if len(weight.shape) == 1 and weight.dtype.startswith("float"):
            noise = rng.normal(0.0, 0.05, size=weight.shape)
            weight.assign(keras.ops.convert_to_numpy(weight) + noise)
    return model


def outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(x, training=False))


def check_face_model(case: FaceCase, tmp_path: Path) -> None:
    """Asserts the whole contract for one model."""
    check_counts(case)
    model = start(case)
    check_layers(model)
    check_signature(case, model)
    check_forward(case, model)
    check_gradients(case, model)
    check_round_trips(case, model, tmp_path)
    check_predict(case, model)
    check_seeds(case, model)
    check_mixed_precision(case, model)


def check_counts(case: FaceCase) -> None:
    """Parameters and operations at the registry's own size."""
    with weightless():
        model = case.entry.build()
        assert model.count_params() == case.parameters
        if case.trained_parameters is not None:
            trained = sum(
                int(np.prod(w.shape)) for w in model.trainable_weights
            )
            assert trained == case.trained_parameters
        one = count_flops(model)
        assert one > 0
        three = count_flops(model, batch_size=3)
        # Where examples see each other, they cost the more the more they are.
        assert three == 3 * one if case.independent else three > 3 * one


def check_layers(model: keras.Model) -> None:
    """Named, none written as a lambda, the last one as agreed."""
    layers = list(model._flatten_layers(include_self=False))
    assert not [x for x in layers if isinstance(x, keras.layers.Lambda)]
    names = [x.name for x in model.layers]
    assert len(set(names)) == len(names)
    # Every weight has an address of its own.
    paths = [w.path for w in model.weights]
    assert len(set(paths)) == len(paths)
    last = model.layers[-1]
    assert last.name in _OUTPUTS, f"the last layer is called {last.name!r}"
    assert last.get_config()["activation"] == _OUTPUTS[last.name]
    if last.name == "intensity":
        assert model.output_shape == (None, 1)


def check_signature(case: FaceCase, model: keras.Model) -> None:
    """Every argument of the builder changes the model's configuration."""
    base = _configuration(model)
    for argument, value in {**case.alternatives, "name": "another"}.items():
        with weightless():
            other = case.build(**{argument: value})
        assert _configuration(other) != base, argument
    assert other.name == "another"


def check_all_arguments(cases: Sequence[FaceCase]) -> None:
    """The cases of every builder check all of its arguments."""
    named = {}
    for case in cases:
        known = named.setdefault(case.entry.builder, set())
        known.update(case.alternatives, case.weights_from)
    for builder, arguments in named.items():
        parameters = {*inspect.signature(builder).parameters}
        wanted = parameters - {"input_shape", "name"}
        assert arguments == wanted, builder.__name__


def _configuration(model: keras.Model) -> str:
    return json.dumps(model.get_config(), sort_keys=True)


def check_forward(case: FaceCase, model: keras.Model) -> None:
    """Finite for any batch; an example does not depend on its neighbours."""
    x = case.inputs(3)
    expected = outputs(model, x)
    assert np.isfinite(expected).all()
    assert np.ptp(expected, axis=0).max() > 1e-6, "all examples alike"
    alone = outputs(model, x[:1])
    if case.independent:
        np.testing.assert_allclose(alone, expected[:1], atol=1e-4)
    else:
        assert np.abs(alone - expected[:1]).max() > 1e-4
    extremes = np.zeros((1, *case.input_shape), np.float32)
    assert np.isfinite(outputs(model, extremes)).all()
    if case.entry.data in (CLIPS, FRAMES):
        assert np.isfinite(outputs(model, extremes + 255)).all()
        np.testing.assert_array_equal(
            outputs(model, x.astype(np.uint8)), expected
        )


def check_gradients(case: FaceCase, model: keras.Model) -> None:
    """Every weight is trained but statistics and what is declared frozen."""
    import tensorflow as tf

    for weight in model.non_trainable_weights:
        kept = weight.name in (*_STATISTICS, "seed_generator_state")
        assert kept or weight.path.startswith(case.frozen), weight.path
    x = case.inputs()
    direction = np.random.default_rng(3).normal(size=outputs(model, x).shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x, training=False) * direction)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    sizes = {}
    for weight, gradient in zip(
        model.trainable_weights, gradients, strict=True
    ):
        assert gradient is not None, weight.path
        sizes[weight.path] = float(tf.reduce_max(tf.abs(gradient)))
    least = 1e-6 * max(sizes.values())
    for path, size in sizes.items():
        if path.endswith(tuple(case.no_gradient)):
            assert size < least, f"{path} is no exception: {size}"
        else:
            assert size > least, f"{path}: {size}"


def check_round_trips(
    case: FaceCase, model: keras.Model, tmp_path: Path
) -> None:
    x, path = case.inputs(), tmp_path / f"{model.name}.keras"
    expected = outputs(model, x)
    model.save(path)
    # In Keras' safe mode, from the configuration.
    loaded = keras.models.load_model(path)
    assert _configuration(loaded) == _configuration(model)
    np.testing.assert_allclose(outputs(loaded, x), expected, atol=1e-5)
    assert len(loaded.trainable_weights) == len(model.trainable_weights)


def check_predict(case: FaceCase, model: keras.Model) -> None:
    """Prediction repeats itself, equals a call and changes no weight."""
    x, before = case.inputs(3), model.get_weights()
    first = model.predict(x, verbose=0, batch_size=2)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0, batch_size=2), first
    )
    called = [outputs(model, part) for part in (x[:2], x[2:])]
    np.testing.assert_allclose(first, np.concatenate(called), atol=1e-4)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def check_seeds(case: FaceCase, model: keras.Model) -> None:
    """The same seed builds the same network, names of layers included."""
    same = start(case)
    assert _configuration(model) == _configuration(same), "unnamed layers?"
    for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def check_mixed_precision(case: FaceCase, model: keras.Model) -> None:
    """16 bits inside, a float32 output, about the same.

    In bfloat16: TensorFlow has no float16 pooling of clips on a CPU.
    """
    x, weights = case.inputs(), model.get_weights()
    expected = outputs(model, x)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = start(case, seed=2)
        # Another seed is another network.
        assert any(
            (a != b).any()
            for a, b in zip(weights, half.get_weights(), strict=True)
        )
        half.set_weights(weights)
        actual = outputs(half, x)
    finally:
        keras.config.set_dtype_policy("float32")
    assert actual.dtype == np.float32
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(
        actual, expected, atol=case.half_tolerance * scale
    )
