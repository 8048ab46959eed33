"""Data flows one way, without circles, and the package imports fast."""

import ast

import pytest
from conftest import ROOT
from scripts import run_python

# A module may import from its own layer and from those before it.
LAYERS = (
    "errors io signals corpora simulate data layers models experiments "
    "reports explain augment reproduction cli"
).split()
FILES = sorted((ROOT / "keras_pain").rglob("*.py"))


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imported_modules(path) -> set[str]:
    """Also inside functions, and for type checkers only."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            inside = {f"{node.module}.{a.name}" for a in node.names}
            names |= inside & MODULES.keys()
            if inside - MODULES.keys():
                names.add(node.module)
    return names


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_upwards(module):
    layer = (*module.split("."), "")[1]
    if not layer:
        return
    assert layer in LAYERS, f"{layer} has no place in the import order"
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    for name in imported_modules(MODULES[module]):
        parts = name.split(".")
        assert parts[0] != "reproduce", f"{module} imports {name}"
        if parts[0] == "tfds_builders":
            assert layer == "data", f"{module} imports {name}"
        if parts[0] == "keras_pain" and len(parts) > 1:
            assert parts[1] in allowed, f"{module} imports {name}"


def test_no_import_circles():
    """Not even through functions or typing, packages' own files apart."""
    graph = {
        module: {
            name
            for name in imported_modules(path) & MODULES.keys()
            # A package's file may offer what its modules define.
            if not module.startswith(name + ".")
        }
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(module, trail):
        if module in trail:
            circle = [*trail[trail.index(module) :], module]
            pytest.fail(f"import circle: {' -> '.join(circle)}")
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize(
    "module", ["keras_pain", "keras_pain.corpora.emopain", "keras_pain.cli"]
)
def test_importing_does_not_load_tensorflow(module):
    code = (
        f"import sys, {module}; "
        "print([m for m in ('tensorflow', 'keras', 'matplotlib') "
        "if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def test_import_takes_less_than_half_a_second():
    code = (
        "import time; t = time.perf_counter(); import keras_pain; "
        "print(time.perf_counter() - t)"
    )
    assert float(run_python(code)) < 0.5
