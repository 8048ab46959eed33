"""One file a paper's architecture, its recipe beside it, and the registry.

Names are loaded when asked for, so that `keras_pain.models.summary` can print
the registry without importing TensorFlow.
"""

import importlib

_HOME = {
    "AACSFNet": "aacsfnet",
    "ALANet": "alanet",
    "ALANetAutoencoder": "alanet",
    "BANet": "banet",
    "BiLSTM": "bi_lstm",
    "BiScaleCrossViT": "biscale_cross_vit",
    "C3D": "c3d",
    "CNN_SAP": "lsfan",
    "CNN_TAP": "lsfan",
    "ConvLSTM": "conv_lstm",
    "DualStreamLSTM": "dual_stream_lstm",
    "L3D": "l3d",
    "LSFAN": "lsfan",
    "MODELS": "registry",
    "Recipe": "recipe",
    "ResNet50HAM": "resnet50_ham",
    "ResNetGRU": "resnet_rnn",
    "ResNetLSTM": "resnet_rnn",
    "StackedLSTM": "stacked_lstm",
    "alanet_encoder": "alanet",
    "alanet_head": "alanet",
    "convert_lsfan": "lsfan_checkpoint",
    "count_flops": "flops",
    "transfer_encoder": "alanet",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
