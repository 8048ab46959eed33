"""CONTRIBUTING's recipes, followed in a copy of the sources."""

import os
import shutil

import pytest
from conftest import ROOT
from scripts import TABLES, run_python

MODEL = '''
"""A network of somebody who contributes."""

import keras

from keras_pain.models.registry import PROTECTIVE, Recipe, register

TINY_RECIPE = Recipe.of(
    learning_rate=(0.01, "unsaid: whatever"),
    batch_size=(32, "unsaid: whatever"),
    epochs=(2, "unsaid: whatever"),
    loss=("categorical_crossentropy", "unsaid: whatever"),
    optimizer=("Adam", "unsaid: whatever"),
    monitor=("val_loss", "unsaid: whatever"),
)


@register(
    "tiny",
    paper="None",
    task=PROTECTIVE,
    recipe=TINY_RECIPE,
)
def Tiny(input_shape=(180, 30), num_classes=2, *, name="tiny"):
    """One dense layer over the mean of a window."""
    inputs = keras.Input(input_shape)
    x = keras.layers.GlobalAveragePooling1D(name="mean")(inputs)
    x = keras.layers.Dense(num_classes, "softmax", name="classes")(x)
    return keras.Model(inputs, x, name=name)
'''
USE_MODEL = """
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.models import MODELS, Tiny

assert list(MODELS)[-1] == "tiny" and MODELS["tiny"].builder is Tiny
assert resolve_method("tiny").config()["epochs"] == 2
assert Tiny((5, 3)).output_shape == (None, 2)
"""
LAYOUT = '''
"""A corpus of somebody who contributes."""

LAYOUTS = ("plain",)
'''
USE_CORPUS = """
import pathlib
from keras_pain.corpora.base import CORPORA, get_corpus

assert "xray" in CORPORA
assert get_corpus("xray").LAYOUTS == ("plain",)
"""


@pytest.fixture
def copy(tmp_path):
    """The package's sources, to add to."""
    shutil.copytree(
        ROOT / "keras_pain",
        tmp_path / "keras_pain",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path


def run(copy, code):
    run_python(code, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)})


def test_a_model_is_one_file(copy):
    (copy / "keras_pain/models/tiny.py").write_text(MODEL)
    run(copy, USE_MODEL)


def test_a_corpus_is_one_folder(copy):
    folder = copy / "keras_pain/corpora/xray"
    folder.mkdir()
    (folder / "layout.py").write_text(LAYOUT)
    (folder / "__init__.py").write_text(
        "from keras_pain.corpora.xray.layout import LAYOUTS\n"
    )
    run(copy, USE_CORPUS)


def test_a_table_is_found_by_its_name():
    names = {path.stem for path in (ROOT / "reproduce").glob("table*.py")}
    assert set(TABLES) == names and "table1_protective" in names
    # No test may list them: a new one would be forgotten.
    for path in (ROOT / "tests").glob("test_*.py"):
        text = path.read_text()
        assert sum(f'"{name}",' in text for name in names) < len(names) // 2
