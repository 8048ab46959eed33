"""The contract suite over the models of windows; each one's own facts.

Models of faces have theirs in `test_face_models.py`.
"""

import csv
import dataclasses
import io
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from branch_models import branch_model, copy_weights
from model_checks import (
    CHANNELS,
    REAL,
    TIME,
    ModelCase,
    check_model,
    fill,
    outputs,
    windows,
)

from keras_pain.errors import ConfigurationError
from keras_pain.models import summary
from keras_pain.models.alanet import (
    ALANet,
    ALANetAutoencoder,
    alanet_encoder,
    alanet_head,
    reconstruction_target,
    transfer_encoder,
)
from keras_pain.models.banet import BANet
from keras_pain.models.recipe import _OPTIONAL, Recipe
from keras_pain.models.registry import MODELS, WINDOWS
from keras_pain.models.stacked_lstm import StackedLSTM

pytestmark = [
    # Keras' own conversion to NumPy.
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
    # The 13-branch reference hands its mask over by hand.
    pytest.mark.filterwarnings("ignore:Layer 'temporal_attention_.*of type"),
]

_COMMON = {
    "units": 5,
    "recurrent_activation": "hard_sigmoid",
    "mask_value": -1.0,
}
_CLASSIFIER = {**_COMMON, "num_classes": 3, "dropout": 0.25}
_STACK = {**_CLASSIFIER, "num_layers": 2, "mask_value": None}
_ALANET = {**_CLASSIFIER, "trainable_encoder": True}
_TUNED = {"trainable_encoder": True}
_FILTERS = {"num_classes": 3, "filters": (2, 4, 8, 12)}
_UNMASKED = {"time": 27, "masked": False}

CASES = (
    ModelCase("stacked_lstm", 24_770, _STACK),
    ModelCase("banet", 2_131, {**_STACK, "attention": "temporal"}),
    ModelCase("banet_temporal", 1_767, {**_STACK, "attention": "both"}),
    ModelCase("banet_bodily", 2_014, {**_STACK, "attention": "both"}),
    ModelCase("alanet", 1_419, {**_ALANET, "body_parts": True}, _TUNED),
    ModelCase("alanet_parts", 5_267, {**_ALANET, "body_parts": False}, _TUNED),
    ModelCase("alanet_autoencoder", 2_062, {**_COMMON, "body_parts": True}),
    ModelCase(
        "alanet_parts_autoencoder", 11_882, {**_COMMON, "body_parts": False}
    ),
    # Batch-norm statistics, 60, are in these counts.
    ModelCase(
        "lsfan",
        8_342,
        {**_FILTERS, "num_heads": 3, "ff_units": 7, "dropout": 0.5},
        **_UNMASKED,
    ),
    ModelCase("cnn_tap", 2_642, _FILTERS, **_UNMASKED),
    ModelCase(
        "cnn_sap", 3_026, {**_FILTERS, "pooling": "as_coded"}, **_UNMASKED
    ),
    ModelCase(
        "conv_lstm",
        40_940,
        {
            **{k: v for k, v in _STACK.items() if k != "mask_value"},
            "channels": None,
            "num_layers": 1,
            "num_convolutions": 2,
            "filters": 4,
            "kernel_size": 5,
            "pool_size": 1,
        },
        time=90,
        masked=False,
    ),
    ModelCase("bi_lstm", 14_282, {**_STACK, "channels": None}),
    ModelCase(
        "dual_stream_lstm",
        15_874,
        {
            **{k: v for k, v in _STACK.items() if k != "units"},
            "mocap_units": 5,
            "semg_units": 5,
            "semg": 3,
        },
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contract(case, tmp_path):
    check_model(case, tmp_path)


# --- Completeness ---


def test_every_model_is_registered_tested_and_listed():
    with summary.PACKAGED.open(newline="", encoding="utf-8") as stream:
        listed = [row["model"] for row in csv.DictReader(stream)]
    windows = [e.name for e in MODELS.values() if e.data == WINDOWS]
    assert [case.name for case in CASES] == windows
    assert listed == list(MODELS)


def test_summary_is_up_to_date():
    text = summary.to_csv(summary.registry_rows())
    for path in summary.summary_paths():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path} is old; run python -m keras_pain.models.summary --write"
        )


def test_summary_calls_build_what_they_say():
    names = {e.builder.__name__: e.builder for e in MODELS.values()}
    rows = csv.DictReader(io.StringIO(summary.PACKAGED.read_text()))
    for row in rows:
        model = eval(row["call"], {"__builtins__": {}}, names)
        assert model.count_params() == int(row["parameters"])


def test_print_registry_needs_no_tensorflow():
    script = (
        "import sys; from keras_pain.models.summary import print_registry;"
        "print_registry();"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    for name in MODELS:
        assert name in done.stdout


def test_autoencoders_are_named_by_their_classifiers():
    for entry in MODELS.values():
        if entry.autoencoder:
            transfer_encoder(MODELS[entry.autoencoder].build(), entry.build())


# --- Recipes ---


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda e: e.name)
def test_every_number_of_a_recipe_has_a_source(entry):
    recipe = entry.recipe
    fields = {f.name for f in dataclasses.fields(recipe)} - {"sources"}
    assert set(recipe.sources) == set(recipe.settings()) <= fields
    defaults = set(_OPTIONAL)  # the fields that need no source
    assert fields - set(recipe.sources) <= defaults
    for name, reason in recipe.unsaid().items():
        assert len(reason) > 10, f"{name} is unsaid without a reason"


def test_recipe_refuses_a_number_without_source():
    recipe = MODELS["banet"].recipe
    sources = {k: v for k, v in recipe.sources.items() if k != "epochs"}
    with pytest.raises(ValueError, match="epochs"):
        dataclasses.replace(recipe, sources=sources)
    with pytest.raises(ValueError, match="loss"):
        Recipe(**recipe.settings(), sources={**recipe.sources, "loss": " "})


def test_binary_and_categorical_loss_agree_on_two_classes():
    # Why `loss_for` only replaces the loss for three classes.
    p = np.random.default_rng(0).dirichlet([1, 1], size=20).astype("float32")
    y = np.eye(2, dtype="float32")[np.arange(20) % 2]
    np.testing.assert_allclose(
        keras.losses.binary_crossentropy(y, p),
        keras.losses.categorical_crossentropy(y, p),
        rtol=1e-4,
    )
    recipe = MODELS["alanet"].recipe
    assert recipe.loss_for(2) == "binary_crossentropy"
    assert recipe.loss_for(3) == "categorical_crossentropy"


# --- Published counts at the published shapes ---


def test_parameter_counts_of_the_papers():
    stacked = StackedLSTM((180, 26), units=28)
    assert stacked.count_params() == 18_986
    for width, counts in {
        8: (2_062, 1_248, 171),
        16: (5_630, 3_008, 595),
        32: (17_374, 8_064, 2_211),
    }.items():
        classifier = ALANet(units=width)
        assert (
            ALANetAutoencoder(units=width).count_params(),
            alanet_encoder(classifier).count_params(),
            alanet_head(classifier).count_params(),
        ) == counts


@pytest.mark.parametrize("channels", [26, 30])
def test_banet_does_not_depend_on_semg(channels):
    assert BANet((TIME, channels)).count_params() == 2_131
    model, x = fill(BANet((TIME, 30))), windows()
    y = x.copy()
    y[0, :, 26:] *= -3.0
    np.testing.assert_allclose(outputs(model, x), outputs(model, y), atol=1e-6)


# --- One pass equals thirteen branches ---


@pytest.mark.parametrize("attention", ["both", "temporal", "bodily"])
def test_banet_equals_its_branches(attention):
    folded = fill(BANet((TIME, CHANNELS), attention=attention))
    branches = branch_model((TIME, CHANNELS), attention=attention)
    _assert_equal(folded, branches)


def test_alanet_parts_equals_its_branches():
    folded = fill(ALANet((TIME, CHANNELS), body_parts=True))
    branches = branch_model((TIME, CHANNELS), own_encoders=True)
    _assert_equal(folded, branches)


def _assert_equal(folded, branches):
    copy_weights(folded, branches)
    assert branches.count_params() == folded.count_params()
    x = windows()
    # Also before the last layer, whose softmax may hide a difference.
    for layer in ("flatten", branches.layers[-1].name):
        branch = keras.Model(branches.input, branches.get_layer(layer).output)
        name = "probabilities" if layer == "out" else layer
        one_pass = keras.Model(folded.input, folded.get_layer(name).output)
        expected = outputs(branch, x)
        assert np.ptp(expected, axis=0).max() > 1e-3  # windows do differ
        np.testing.assert_allclose(outputs(one_pass, x), expected, atol=1e-5)


# --- Attention maps and padding ---


@pytest.mark.parametrize(
    ("name", "temporal", "bodily"),
    [
        ("banet", (TIME, 13), (8, 13)),
        ("alanet", (TIME,), (8,)),
        ("alanet_parts", (TIME, 13), (8, 13)),
    ],
)
def test_attention_maps(name, temporal, bodily):
    model = fill(MODELS[name].build(input_shape=(TIME, CHANNELS)))
    maps = [
        outputs(keras.Model(model.input, model.get_layer(layer).output), x)
        for layer in ("temporal_attention", "bodily_attention")
        for x in [windows()]
    ]
    assert maps[0].shape[1:] == temporal
    assert maps[1].shape[1:] == bodily
    np.testing.assert_allclose(maps[0].sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(maps[1].sum(axis=-1), 1.0, atol=1e-5)
    assert (maps[0][1::2, REAL:] == 0.0).all()
    assert (maps[0][:, :REAL] > 0.0).all()


@pytest.mark.parametrize("name", ["banet", "banet_bodily"])
def test_outputs_of_lstms_on_padding_do_not_matter(name):
    # cuDNN's kernel puts zeros there, the plain loop repeats the last frame.
    model, x = fill(MODELS[name].build(input_shape=(TIME, CHANNELS))), windows()
    expected = outputs(model, x)
    for i in (1, 2, 3):
        model.get_layer(f"lstm_{i}").zero_output_for_mask = True
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lstms_stay_eligible_for_cudnn(case):
    with warnings.catch_warnings():
        # Keras warns when a layer drops a mask.
        warnings.simplefilter("error")
        model = case.build()
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.LSTM):
            assert layer.activation is keras.activations.tanh
            assert layer.recurrent_activation is keras.activations.sigmoid
            assert layer.use_bias and not layer.unroll
            assert layer.recurrent_dropout == 0
            assert layer.use_cudnn == "auto"


# --- ALANet's two stages ---


@pytest.mark.parametrize("body_parts", [False, True])
@pytest.mark.parametrize("num_classes", [2, 3])
def test_alanet_stages(body_parts, num_classes, tmp_path):
    shape = (TIME, CHANNELS)
    autoencoder = fill(ALANetAutoencoder(shape, body_parts=body_parts))
    classifier = fill(
        ALANet(shape, num_classes, body_parts=body_parts, dropout=0.1), seed=5
    )
    transfer_encoder(autoencoder, classifier)
    for a, b in zip(
        autoencoder.get_layer("encoder").get_weights(),
        classifier.get_layer("encoder").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)

    x = windows()
    encoder, head = alanet_encoder(classifier), alanet_head(classifier)
    codes = outputs(encoder, x)
    assert codes.shape[2:] == ((13, 8) if body_parts else (8,))
    assert (codes[1::2, REAL:] == 0.0).all()
    assert (codes[:, :REAL] != 0.0).all()
    np.testing.assert_allclose(
        outputs(head, codes), outputs(classifier, x), atol=1e-6
    )

    # The autoencoder sees the last real frame's code, the head all of them.
    code = autoencoder.get_layer("encoder").output[1]
    last = outputs(keras.Model(autoencoder.input, code), x)
    np.testing.assert_allclose(last[0], codes[0, -1], atol=1e-6)
    np.testing.assert_allclose(last[1], codes[1, REAL - 1], atol=1e-6)

    # Training the head on codes trains the classifier, not its encoder.
    assert len(classifier.trainable_weights) == len(head.weights)
    frozen = classifier.get_layer("encoder").get_weights()
    before = outputs(classifier, x)
    head.compile("adam", "categorical_crossentropy")
    head.train_on_batch(codes, np.eye(num_classes)[[0, 1, 0, 1]])
    after = outputs(classifier, x)
    assert np.abs(after - before).max() > 1e-5
    for a, b in zip(
        frozen, classifier.get_layer("encoder").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)

    # The parts share layers; the classifier saves and shows maps all the same.
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(outputs(loaded, x), after, atol=1e-6)
    attention = classifier.get_layer("temporal_attention").output
    assert keras.Model(classifier.input, attention)(x).shape[1] == TIME


def test_fine_tuning_trains_the_encoder():
    model = fill(ALANet((TIME, CHANNELS), trainable_encoder=True))
    before = model.get_layer("encoder").get_weights()
    model.compile("adam", "categorical_crossentropy")
    model.train_on_batch(windows(), np.eye(2)[[0, 1, 0, 1]])
    after = model.get_layer("encoder").get_weights()
    for a, b in zip(before, after, strict=True):
        assert (a != b).any()


def test_reconstruction_target():
    x, shape = windows(), (TIME, CHANNELS)
    whole = reconstruction_target(ALANetAutoencoder(shape), x)
    parts = reconstruction_target(ALANetAutoencoder(shape, body_parts=True), x)
    np.testing.assert_array_equal(whole, x)
    np.testing.assert_array_equal(parts, x[:, :, :26])


# --- Arguments that cannot be ---


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BANet((TIME, 4)), "26 channels"),
        (lambda: ALANet((TIME, 20), body_parts=True), "26 channels"),
        (lambda: ALANet((None, 30)), "number of frames"),
        (lambda: ALANetAutoencoder((None, 30)), "number of frames"),
        (lambda: StackedLSTM((30,)), r"\(time, channels\)"),
        (lambda: StackedLSTM((TIME, 30), 1), "num_classes"),
        (lambda: BANet((TIME, 30), attention="space"), "'space'"),
        (
            lambda: transfer_encoder(
                ALANetAutoencoder((TIME, 30), units=4), ALANet((TIME, 30))
            ),
            "same input_shape, units",
        ),
    ],
)
def test_impossible_arguments_are_named(build, message):
    with pytest.raises(ConfigurationError, match=message):
        build()
