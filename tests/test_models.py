"""The contract suite over all models; facts of those of windows.

To add a model: a row in `CASES`, see `ModelCase`.
"""

import csv
import dataclasses
import io
import os
import warnings

import keras
import numpy as np
import pytest
from model_checks import (
    CHANNELS,
    REAL,
    TIME,
    ModelCase,
    check_all_arguments,
    check_model,
    fill,
    outputs,
    refusals,
    windows,
)
from scripts import load_script, run_python
from small_aacsfnet import HAM, VIT

from keras_pain import models
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
from keras_pain.models.flops import weightless
from keras_pain.models.registry import DATA, MODELS, Recipe
from keras_pain.models.stacked_lstm import StackedLSTM

_COMMON = {"recurrent_activation": "hard_sigmoid", "mask_value": -1.0}
_COMMON["units"] = 5
_CLASSIFIER = {**_COMMON, "num_classes": 3, "dropout": 0.25}
_STACK = {**_CLASSIFIER, "num_layers": 2, "mask_value": None}
_TUNED = {"trainable_encoder": True}
_ALANET = {"trained": _TUNED, "untrained": 1_248}
_PARTS = {"trained": _TUNED, "untrained": 4_576}
_OWN = {"body": (4, 3)}
_WHOLE_BODY = {**_CLASSIFIER, **_TUNED, **_OWN, "body_parts": False}
_BODY_PARTS = {**_CLASSIFIER, **_TUNED, "body_parts": True}
_FILTERS = {"num_classes": 3, "filters": (2, 4, 8, 12)}
_LSFAN = {**_FILTERS, "num_heads": 3, "ff_units": 7, "dropout": 0.5}
_SAP = {**_FILTERS, "pooling": "as_coded"}
_BOTH = {**_STACK, **_OWN, "attention": "both"}
_CONV_LSTM = {**_STACK, "channels": None, "num_layers": 1, "filters": 4}
_CONV_LSTM |= {"num_convolutions": 2, "kernel_size": 5, "pool_size": 1}
del _CONV_LSTM["mask_value"]
_DUAL = {**_STACK, "mocap_units": 5, "semg_units": 5, "semg": 3}
del _DUAL["units"]
_WINDOW = {"input_shape": (TIME, CHANNELS)}
_UNMASKED = {"input_shape": (27, CHANNELS)}
_MASKED = {
    "masked": True,
    "no_gradient": {"temporal_attention/bias": "softmax ignores a constant"},
}

# --- Faces and landmarks ---

_CLIP = {"input_shape": (8, 32, 32, 3)}
_NARROW = {**_CLIP, "widths": (4, 6, 8, 8, 10, 12, 14, 16)}
_RESNET = {**_CLIP, "widths": (4, 8, 12, 16), "frame_units": 10, "units": 6}
_RESNET["head_units"] = (9, 8)
_RESNETS = {"widths": (4, 8, 12, 20), "frame_units": 11, "units": 5}
_RESNETS |= {"head_units": (9,), "num_classes": 3}
_C3D = {**_CLIP, "blocks": ((4,), (6,), (8, 8), (10, 10)), "units": (12, 6)}
_C3DS = {"blocks": ((4,), (6,), (8, 8), (10,)), "units": (12,)}
_C3DS |= {"dropout": 0.25, "batch_norm": True, "num_classes": 3}
_L3DS = {"widths": "plain", "ratio": 2, "head_pool": (1, 1, 1)}
_L3DS |= {"multi_scale": False, "attention": False, "shared": False}
_L3DS |= {"scaled_head": False, "batch_norm": False, "num_classes": 3}

_FACE = {"input_shape": (32, 64, 3)}
_HAM, _VIT = {**_FACE, **HAM}, {**_FACE, **VIT}
_AACSFNET = {**_HAM, **_VIT, "patch_sizes": (32, 16, 8)}
_CODED = {"mode": "as_coded", "dropout": 0.2, "num_classes": 3}
_HAMS = {**_CODED, "channels_across_batch": True, "mean_of_normed": True}
_HAMS |= {"width": 3, "blocks": (1, 2, 1, 1), "maps": 10}
_HAMS |= {"global_layers": 2, "ff_units": 9}
_VITS = {**_CODED, "patch_sizes": (16, 32), "class_token_keys": True}
_VITS |= {"embed_dim": 6, "vit_layers": 2, "vit_heads": 3}
_CROSS_KEYS = {"cross_attention/key/bias": "softmax ignores a constant"}

_HEAD = {"input_shape": (5, 7), "units": 6}
_CONVNEXT = {"variant": "b", "units": 8, "dropout": 0.5, "num_classes": 3}
_LANDMARKS = {"input_shape": (6, 68, 2), "filters": 6, "graph_filters": 5}
_LANDMARKS["temporal_filters"] = 4
_STGCN = {
    "graph": "as_released",
    "aggregation": "attention",
    "normalise": False,
}
_STGCN |= {
    "filters": 8,
    "graph_filters": 6,
    "temporal_filters": 5,
}
_STGCN |= {"units": (15, 10), "dropout": 0.5, "num_classes": 3}
_GRU = {
    f"gru/gru_cell/{weight}": "logits that the softmax cancels"
    for weight in ("kernel", "recurrent_kernel", "bias")
}

CASES = (
    ModelCase("stacked_lstm", 24_770, _WINDOW, _STACK, **_MASKED),
    ModelCase(
        "banet", 2_131, _WINDOW, {**_BOTH, "attention": "temporal"}, **_MASKED
    ),
    ModelCase("banet_temporal", 1_767, _WINDOW, _BOTH, **_MASKED),
    ModelCase("banet_bodily", 2_014, _WINDOW, _BOTH, **_MASKED),
    ModelCase("alanet", 1_419, _WINDOW, _BODY_PARTS, **_ALANET, **_MASKED),
    ModelCase("alanet_parts", 5_267, _WINDOW, _WHOLE_BODY, **_PARTS, **_MASKED),
    ModelCase(
        *("alanet_autoencoder", 2_062, _WINDOW),
        {**_COMMON, "body_parts": True},
        **_MASKED,
    ),
    ModelCase(
        *("alanet_parts_autoencoder", 11_882, _WINDOW),
        {**_COMMON, **_OWN, "body_parts": False},
        **_MASKED,
    ),
    # Batch-norm statistics, 60, are in these counts.
    ModelCase("lsfan", 8_342, _UNMASKED, _LSFAN, untrained=60),
    ModelCase("cnn_tap", 2_642, _UNMASKED, _FILTERS, untrained=60),
    ModelCase("cnn_sap", 3_026, _UNMASKED, _SAP, untrained=60),
    ModelCase("conv_lstm", 40_940, {"input_shape": (90, CHANNELS)}, _CONV_LSTM),
    ModelCase(
        "bi_lstm", 14_282, _WINDOW, {**_STACK, "channels": None}, **_MASKED
    ),
    ModelCase("dual_stream_lstm", 15_874, _WINDOW, _DUAL, **_MASKED),
    ModelCase("l3d", 1_070_581, _NARROW, {"units": 5}, untrained=812),
    ModelCase("l3d_multi_scale", 3_035_637, _NARROW, untrained=812),
    ModelCase("l3d_se", 1_072_577, {**_NARROW, "ratio": 1}, untrained=812),
    ModelCase(
        "l3d_full", 3_042_445, {**_NARROW, "ratio": 1}, _L3DS, untrained=812
    ),
    ModelCase("c3d", 77_983_237, _C3D, _C3DS),
    ModelCase("resnet18_lstm", 15_041_213, _RESNET, _RESNETS, untrained=9_600),
    ModelCase("resnet18_gru", 14_869_013, _RESNET, _RESNETS, untrained=9_600),
    ModelCase(
        *("aacsfnet", 29_692_091, {**_HAM, **_VIT}),
        {**_HAMS, **_VITS, "branches_across_batch": True},
        untrained=54_976,
        no_gradient=_CROSS_KEYS,
        weights_from=("resnet_weights",),
    ),
    ModelCase(
        *("aacsfnet_as_coded", 31_217_821),
        # This defect is to let next to no gradient through.
        {**_AACSFNET, "mean_of_normed": False},
        untrained=54_976,
        no_gradient=_CROSS_KEYS,
        independent=False,
    ),
    ModelCase(
        *("resnet50_ham", 25_943_067, _HAM, _HAMS),
        untrained=54_928,
        weights_from=("resnet_weights",),
    ),
    ModelCase(
        "biscale_cross_vit", 3_603_649, _VIT, _VITS, no_gradient=_CROSS_KEYS
    ),
    ModelCase("convnext_lstm_a", 1_172_610, _HEAD, {"variant": "d"}),
    ModelCase("convnext_lstm_b", 2_410_370, _HEAD, {"variant": "c"}),
    ModelCase("convnext_lstm_c", 2_451_586, _HEAD, _CONVNEXT),
    ModelCase("convnext_lstm_d", 1_172_610, _HEAD, {"variant": "a"}),
    ModelCase("stgcn_lstm", 406_162, _LANDMARKS, _STGCN),
    ModelCase(
        *("stgcn_lstm_as_coded", 6_151_618, _LANDMARKS),
        {"graph": "corrected", "aggregation": "mean"},
        no_gradient=_GRU,
    ),
)
OF_WINDOWS = [case for case in CASES if case.is_of_windows]
branch_model = load_script("references", "benchmarks").branch_model


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contract(case, tmp_path):
    check_model(case, tmp_path)


# --- Completeness ---


def test_every_model_is_registered_tested_and_listed():
    with summary.PACKAGED.open(newline="", encoding="utf-8") as stream:
        listed = [row["model"] for row in csv.DictReader(stream)]
    assert [case.name for case in CASES] == listed == list(MODELS)
    assert {entry.data for entry in MODELS.values()} == set(DATA)
    check_all_arguments(CASES)


def test_summary_is_up_to_date():
    text = summary.summary_csv()
    for path in summary.summary_paths():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path} is old; run python -m keras_pain.models.summary --write"
        )


def test_summary_calls_build_what_they_say():
    names = {e.builder.__name__: e.builder for e in MODELS.values()}
    rows = csv.DictReader(io.StringIO(summary.PACKAGED.read_text()))
    for row in rows:
        with weightless():
            model = eval(row["call"], {"__builtins__": {}}, names)
        assert model.count_params() == int(row["parameters"])


def test_print_registry_needs_no_tensorflow():
    script = (
        "import sys; from keras_pain.models.summary import print_registry;"
        "print_registry();"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    printed = run_python(script, env=environment)
    for name in MODELS:
        assert name in printed


def test_names_are_known_without_importing_networks():
    script = (
        "import sys; from keras_pain.models.registry import MODELS;"
        "assert MODELS.fed('landmarks') == "
        "['stgcn_lstm', 'stgcn_lstm_as_coded'];"
        "assert len(MODELS) == 31 and 'banet' in MODELS;"
        "assert 'keras' not in sys.modules; MODELS['banet'];"
        "print(*(m for m in sys.modules if m.startswith('keras_pain.models.')))"
    )
    imported = {name.split(".")[2] for name in run_python(script).split()}
    assert imported == {"registry", "banet", "blocks"}


def test_every_builder_can_be_imported_from_the_package():
    for entry in MODELS.values():
        assert getattr(models, entry.builder.__name__) is entry.builder
        assert entry.name in MODELS.fed(entry.data)
    assert models.ConvNeXtLSTM is not None
    with pytest.raises(AttributeError, match="'Nothing'"):
        assert models.Nothing


def test_autoencoders_are_named_by_their_classifiers():
    for entry in MODELS.values():
        if entry.autoencoder:
            transfer_encoder(MODELS[entry.autoencoder].build(), entry.build())


# --- Recipes ---


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda e: e.name)
def test_every_number_of_a_recipe_has_a_source(entry):
    recipe = entry.recipe
    fields = {f.name: f for f in dataclasses.fields(recipe)}
    del fields["sources"]
    assert set(recipe.sources) == set(recipe.settings()) <= set(fields)
    for name in set(fields) - set(recipe.sources):
        default = fields[name].default, fields[name].default_factory
        assert default != (dataclasses.MISSING, dataclasses.MISSING)
    for name, text in recipe.sources.items():
        reason = text.removeprefix("unsaid:").strip()
        assert len(reason) > 10 or reason == text, f"{name} without a reason"


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
    _copy_weights(folded, branches)
    assert branches.count_params() == folded.count_params()
    x = windows()
    # Also before the last layer, whose softmax may hide a difference.
    for layer in ("flatten", branches.layers[-1].name):
        expected = outputs(branches, x, layer)
        assert np.ptp(expected, axis=0).max() > 1e-3  # windows do differ
        name = "probabilities" if layer == "out" else layer
        actual = outputs(folded, x, name)
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def _copy_weights(folded: keras.Model, branches: keras.Model) -> None:
    """Gives the branch form the folded model's weights."""
    for layer in branches.layers:
        if not layer.weights:
            continue
        name, _, part = layer.name.rpartition("_")
        if layer.name == "out":
            values = folded.get_layer("probabilities").get_weights()
        elif name == "encoder":
            values = [w[int(part)] for w in _lstm_weights(folded)]
        elif name == "temporal_attention":
            kernel, bias = folded.get_layer(name).get_weights()
            c = int(part)
            values = [kernel[c][None, :, None], bias[c : c + 1]]
        else:
            values = folded.get_layer(layer.name).get_weights()
        layer.set_weights(values)


def _lstm_weights(folded: keras.Model) -> list:
    """Of the grouped encoder, in the order of `keras.layers.LSTM`."""
    layer = folded.get_layer("encoder")
    cell = layer.loop.cell
    variables = (layer.kernel, cell.recurrent_kernel, layer.bias)
    return [keras.ops.convert_to_numpy(v) for v in variables]


# --- Padding ---


@pytest.mark.parametrize("name", ["banet", "banet_bodily"])
def test_outputs_of_lstms_on_padding_do_not_matter(name):
    # cuDNN's kernel puts zeros there, the plain loop repeats the last frame.
    model, x = fill(MODELS[name].build(input_shape=(TIME, CHANNELS))), windows()
    expected = outputs(model, x)
    for i in (1, 2, 3):
        model.get_layer(f"lstm_{i}").zero_output_for_mask = True
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-6)


@pytest.mark.parametrize("case", OF_WINDOWS, ids=lambda case: case.name)
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
    frozen = autoencoder.get_layer("encoder").get_weights()
    encoder_layer = classifier.get_layer("encoder")
    np.testing.assert_equal(encoder_layer.get_weights(), frozen)

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
    before = outputs(classifier, x)
    head.compile("adam", "categorical_crossentropy")
    head.train_on_batch(codes, np.eye(num_classes)[[0, 1, 0, 1]])
    after = outputs(classifier, x)
    assert np.abs(after - before).max() > 1e-5
    np.testing.assert_equal(encoder_layer.get_weights(), frozen)

    # The parts share layers; the classifier saves and shows maps all the same.
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(outputs(loaded, x), after, atol=1e-6)
    assert outputs(classifier, x, "temporal_attention").shape[1] == TIME


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


test_impossible_arguments_are_named = refusals(
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
)
