"""The corpora by name, imported when asked for.

A corpus is a module with `LAYOUTS`, `detect_layout(root)`,
`find_files(root, layout)` and `read_file(raw_file, **options)`; one that can
be simulated has `simulate(out, ...)`, and one that several layouts of may lie
in one folder has `find_layouts(root)`.
"""

import importlib
import types

from keras_pain.errors import ConfigurationError

CORPORA = {
    "biovid": "keras_pain.corpora.biovid",
    "emopain": "keras_pain.corpora.emopain",
    "pemf": "keras_pain.corpora.pemf",
    "ui_prmd": "keras_pain.corpora.ui_prmd",
    "unbc_mcmaster": "keras_pain.corpora.unbc_mcmaster",
}


def get_corpus(name: str) -> types.ModuleType:
    """The module of a corpus.

    Args:
        name: A key of `CORPORA`.

    Returns:
        The corpus' module.

    Raises:
        ConfigurationError: No corpus has this name.
    """
    if name not in CORPORA:
        raise ConfigurationError(
            f"no corpus is called {name!r}; known are {', '.join(CORPORA)}"
        )
    return importlib.import_module(CORPORA[name])
