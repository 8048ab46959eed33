"""One file a paper's architecture, its recipe beside it, and the registry.

Names are loaded when asked for, so that `keras_pain.models.summary` can print
the registry without importing TensorFlow.
"""

import importlib

_HOME = {
    "ALANet": "alanet",
    "ALANetAutoencoder": "alanet",
    "BANet": "banet",
    "BiLSTM": "bi_lstm",
    "CNN_SAP": "lsfan",
    "CNN_TAP": "lsfan",
    "ConvLSTM": "conv_lstm",
    "DualStreamLSTM": "dual_stream_lstm",
    "LSFAN": "lsfan",
    "MODELS": "registry",
    "Recipe": "recipe",
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
