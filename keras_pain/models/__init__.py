"""One file a paper's architecture, its recipe beside it, and the registry.

Every builder takes the shape of one example, for classifiers the number of
classes, and the model's name; it refuses an argument that cannot be with a
`ConfigurationError` that names it. Values that a paper leaves open are
arguments whose description says "unsaid" and why ours are as they are.

What these files define under a capital letter (builders, `Recipe`) and the
names below can be imported from here. They are loaded when asked for, so that
`keras_pain.models.summary` can print the registry without TensorFlow.
"""

import importlib
import pathlib
import re

_HOMES = {
    "MODELS": "registry",
    "alanet_encoder": "alanet",
    "alanet_head": "alanet",
    "convert_lsfan": "checkpoints",
    "count_flops": "flops",
    "transfer_encoder": "alanet",
}
for _path in pathlib.Path(__file__).parent.glob("*.py"):
    _text = _path.read_text(encoding="utf-8")
    for _name in re.findall(r"^(?:def|class) ([A-Z]\w*)", _text, re.M):
        _HOMES[_name] = _path.stem

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
