"""Data flows one way, and the package imports fast."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

# A module may import from its own layer and from those before it.
LAYERS = (
    "errors",
    "_moved",
    "io",
    "signals",
    "corpora",
    "simulate",
    "data",
    "layers",
    "models",
    "experiments",
    "reports",
    "interpret",
    "explain",
    "augment",
    "reproduction",
    "cli",
)
FILES = sorted((ROOT / "keras_pain").rglob("*.py"))


def imported_modules(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module)
            names.update(f"{node.module}.{a.name}" for a in node.names)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_imports_upwards(path):
    relative = path.relative_to(ROOT / "keras_pain").with_suffix("")
    layer = relative.parts[0]
    if layer == "__init__":
        return
    assert layer in LAYERS, f"{layer} has no place in the import order"
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    for name in imported_modules(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "reproduce" or (
            parts[0] == "tfds_builders" and layer != "data"
        ):
            pytest.fail(f"{relative} imports {name}")
        if parts[0] == "keras_pain" and len(parts) > 1:
            if parts[1] in LAYERS:
                assert parts[1] in allowed, f"{relative} imports {name}"


@pytest.mark.parametrize(
    "module", ["keras_pain", "keras_pain.corpora.emopain", "keras_pain.cli"]
)
def test_importing_does_not_load_tensorflow(module):
    code = (
        f"import sys, {module}; "
        "print([m for m in ('tensorflow', 'keras', 'matplotlib') "
        "if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def test_import_takes_less_than_half_a_second():
    code = (
        "import time; t = time.perf_counter(); import keras_pain; "
        "print(time.perf_counter() - t)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert float(out.stdout) < 0.5
