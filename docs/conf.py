"""Sphinx's settings of the site; see `docs/generate.py` for what is generated.

sphinx-build -W -b html docs docs/_build/html
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import keras_pain  # noqa: E402

project = "keras_pain"
version = release = keras_pain.__version__
html_title = f"keras_pain {version}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_static_path = ["assets"]
html_css_files = ["site.css"]
smartquotes = False  # of flags it would make one dash
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_cache", "_parts", "**/.ipynb_checkpoints"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# Notebooks are executed by the tests. Here only on demand, as that takes
# minutes; results are kept in docs/_cache until a notebook changes.
_run = os.environ.get("KERAS_PAIN_DOCS_RUN_NOTEBOOKS")
nb_execution_mode = "cache" if _run else "off"
nb_execution_cache_path = str(HERE / "_cache")
nb_execution_timeout = 600
nb_execution_raise_on_error = True

# Docstrings write `names` as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_use_rtype = False


def setup(app):
    import generate

    app.connect("builder-inited", lambda app: generate.main(HERE))
