"""TEMPORARY: old module names still work while the tree is rearranged.

Reads moves/*.txt in the repository's root: lines `old.module new.module`
(`old.module:name new.module:name` lines are for the final rewriting only).
"""

import importlib
import importlib.abc
import importlib.machinery
import pathlib
import sys
import types

MOVED = {}
for _file in sorted(
    (pathlib.Path(__file__).resolve().parents[1] / "moves").glob("*.txt")
):
    for _line in _file.read_text().splitlines():
        _words = _line.split()
        if len(_words) == 2 and ":" not in _line:
            MOVED[_words[0]] = _words[1]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name in MOVED or (
            any(old.startswith(name + ".") for old in MOVED)
            and not _exists(name)
        ):
            spec = importlib.machinery.ModuleSpec(name, self)
            spec.submodule_search_locations = []
            return spec
        return None

    def create_module(self, spec):
        if spec.name not in MOVED:
            module = types.ModuleType(spec.name)
            module.__path__ = []
            return module
        module = importlib.import_module(MOVED[spec.name])
        module._real_spec = module.__spec__
        return module

    def exec_module(self, module):
        if hasattr(module, "_real_spec"):
            module.__spec__ = module._real_spec
            del module._real_spec


def _exists(name):
    base = (
        pathlib.Path(__file__).resolve().parents[1].joinpath(*name.split("."))
    )
    return (base / "__init__.py").exists() or base.with_suffix(".py").exists()


sys.meta_path.insert(0, _Finder())
