"""The contract suite over the registry's models of faces and landmarks.

To add a model: a row in `CASES`, see `FaceCase`.
"""

import pytest
from face_checks import FaceCase, check_all_arguments, check_face_model
from test_models import CASES as WINDOW_CASES

from keras_pain.models.registry import DATA, MODELS, WINDOWS

# Keras' own conversion to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

_CLIP = {"input_shape": (8, 32, 32, 3)}
_NARROW = {**_CLIP, "widths": (4, 6, 8, 8, 10, 12, 14, 16)}
_RESNET = {
    **_CLIP,
    "widths": (4, 8, 12, 16),
    "frame_units": 10,
    "units": 6,
    "head_units": (9, 8),
}
_RESNET_ALTERNATIVES = {
    "widths": (4, 8, 12, 20),
    "frame_units": 11,
    "units": 5,
    "head_units": (9,),
}

_FACE = {"input_shape": (32, 64, 3)}
_HAM = {
    **_FACE,
    "width": 4,
    "blocks": (1, 1, 1, 1),
    "maps": 12,
    "global_layers": 1,
    "ff_units": 10,
}
_VIT = {**_FACE, "patch_sizes": (16, 8), "embed_dim": 12, "vit_layers": 1}
_HAM_ALTERNATIVES = {
    "mode": "as_coded",
    "channels_across_batch": True,
    "mean_of_normed": True,
    "width": 3,
    "blocks": (1, 2, 1, 1),
    "maps": 10,
    "global_layers": 2,
    "ff_units": 9,
    "dropout": 0.2,
}
_VIT_ALTERNATIVES = {
    "mode": "as_coded",
    "patch_sizes": (16, 32),
    "class_token_keys": True,
    "embed_dim": 6,
    "vit_layers": 2,
    "vit_heads": 3,
    "dropout": 0.2,
}
_CROSS_KEYS = {
    "cross_attention/key/bias": "a softmax over keys ignores a constant",
}

_HEAD = {"input_shape": (5, 7), "units": 6}
_LANDMARKS = {
    "input_shape": (6, 68, 2),
    "filters": 6,
    "graph_filters": 5,
    "temporal_filters": 4,
}
_GRU = {
    f"gru/gru_cell/{weight}": "logits that the softmax cancels"
    for weight in ("kernel", "recurrent_kernel", "bias")
}

CASES: tuple[FaceCase, ...] = (
    FaceCase(
        "l3d", 1_070_581, _NARROW, {"units": 5}, trained_parameters=1_069_769
    ),
    FaceCase(
        "l3d_multi_scale", 3_035_637, _NARROW, trained_parameters=3_034_825
    ),
    FaceCase(
        "l3d_se",
        1_072_577,
        {**_NARROW, "ratio": 1},
        trained_parameters=1_071_765,
    ),
    FaceCase(
        "l3d_full",
        3_042_445,
        {**_NARROW, "ratio": 1},
        {
            "widths": "plain",
            "multi_scale": False,
            "attention": False,
            "ratio": 2,
            "shared": False,
            "head_pool": (1, 1, 1),
            "scaled_head": False,
            "batch_norm": False,
        },
        trained_parameters=3_041_633,
    ),
    FaceCase(
        "c3d",
        77_983_237,
        {**_CLIP, "blocks": ((4,), (6,), (8, 8), (10, 10)), "units": (12, 6)},
        {
            "blocks": ((4,), (6,), (8, 8), (10,)),
            "units": (12,),
            "dropout": 0.25,
            "batch_norm": True,
        },
        trained_parameters=77_983_237,
    ),
    FaceCase(
        "resnet18_lstm",
        15_041_213,
        _RESNET,
        _RESNET_ALTERNATIVES,
        trained_parameters=15_031_613,
    ),
    FaceCase(
        "resnet18_gru",
        14_869_013,
        _RESNET,
        _RESNET_ALTERNATIVES,
        trained_parameters=14_859_413,
    ),
    FaceCase(
        "aacsfnet",
        29_692_091,
        {**_HAM, **_VIT},
        {
            **_HAM_ALTERNATIVES,
            **_VIT_ALTERNATIVES,
            "branches_across_batch": True,
        },
        trained_parameters=29_637_115,
        no_gradient=_CROSS_KEYS,
        weights_from=("resnet_weights",),
    ),
    FaceCase(
        "aacsfnet_as_coded",
        31_217_821,
        {
            **_HAM,
            **_VIT,
            "patch_sizes": (32, 16, 8),
            # This defect is to let next to no gradient through.
            "mean_of_normed": False,
        },
        trained_parameters=31_162_845,
        no_gradient=_CROSS_KEYS,
        independent=False,
    ),
    FaceCase(
        "resnet50_ham",
        25_943_067,
        _HAM,
        _HAM_ALTERNATIVES,
        trained_parameters=25_888_139,
        weights_from=("resnet_weights",),
    ),
    FaceCase(
        "biscale_cross_vit",
        3_603_649,
        _VIT,
        _VIT_ALTERNATIVES,
        trained_parameters=3_603_649,
        no_gradient=_CROSS_KEYS,
    ),
    FaceCase(
        "convnext_lstm_a",
        1_172_610,
        _HEAD,
        {"variant": "d"},
        trained_parameters=1_172_610,
    ),
    FaceCase(
        "convnext_lstm_b",
        2_410_370,
        _HEAD,
        {"variant": "c"},
        trained_parameters=2_410_370,
    ),
    FaceCase(
        "convnext_lstm_c",
        2_451_586,
        _HEAD,
        {"variant": "b", "units": 8, "dropout": 0.5, "num_classes": 3},
        trained_parameters=2_451_586,
    ),
    FaceCase(
        "convnext_lstm_d",
        1_172_610,
        _HEAD,
        {"variant": "a"},
        trained_parameters=1_172_610,
    ),
    FaceCase(
        "stgcn_lstm",
        406_162,
        _LANDMARKS,
        {
            "graph": "as_coded",
            "aggregation": "attention",
            "normalise": False,
            "filters": 8,
            "graph_filters": 6,
            "temporal_filters": 5,
            "units": (15, 10),
            "dropout": 0.5,
            "num_classes": 3,
        },
        trained_parameters=406_162,
    ),
    FaceCase(
        "stgcn_lstm_as_coded",
        6_151_618,
        _LANDMARKS,
        {"graph": "corrected", "aggregation": "mean"},
        trained_parameters=6_151_618,
        no_gradient=_GRU,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contract(case, tmp_path):
    check_face_model(case, tmp_path)


def test_every_model_is_in_exactly_one_suite():
    windows = [case.name for case in WINDOW_CASES]
    others = [case.name for case in CASES]
    assert sorted(windows + others) == sorted(MODELS)
    assert {MODELS[name].data for name in windows} == {WINDOWS}
    assert {MODELS[name].data for name in others} <= set(DATA) - {WINDOWS}


def test_every_argument_of_every_builder_is_checked():
    check_all_arguments(CASES)
