"""Fixtures shared by all tests."""

import functools
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

ROOT = Path(__file__).resolve().parents[1]
TIMES = re.compile(
    # What stands between marker lines in Markdown and LaTeX.
    r"^(<!--|%) training times.*?^(<!--|%) end of training times[^\n]*\n"
    # Rows in CSV and JSON.
    r'|^[^\n]*(,|"metric": ")(fit_seconds(_ratio)?|latency_ms_(single|batch))'
    r'(,|")[^\n]*\n'
    # Grids of them in JSON.
    r'|^ "times": [^\n]*\n',
    re.DOTALL | re.MULTILINE,
)


def strip_timings(text: str) -> str:
    """A report without what differs between equal runs."""
    return TIMES.sub("", text)


# Beginnings of warnings that say nothing to who reads test results.
QUIET = (
    "__array__ implementation",  # Keras' own conversion to NumPy
    "enable_nested_tensor",  # PyTorch's padded batches: there are none
    "You are using a softmax over axis",  # a batch of one, as coded
    # The 13-branch reference hands its mask over by hand.
    "Layer 'temporal_attention_.*of type",
)


# Files of few, slow tests. By default pytest-xdist hands files of many tests
# out first, so that at the end one process works at these and the others wait.
SLOW_FILES = (
    *("notebooks", "reproduce", "models", "movement_scripts", "runner"),
    *("own", "face_scripts", "pemf_methods", "explain", "predict", "network"),
    *("maps", "fuzz"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    names = [f"test_{name}" for name in SLOW_FILES]
    order = {name: place for place, name in enumerate(names)}
    items.sort(key=lambda item: order.get(item.path.stem, len(names)))


def pytest_configure(config):
    # Paths that notes hide are kept where no user has theirs, in one folder
    # for all processes of a run.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        places = tempfile.TemporaryDirectory()
        config.add_cleanup(places.cleanup)
        os.environ["KERAS_PAIN_PLACES"] = places.name
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
    for message in QUIET:
        config.addinivalue_line("filterwarnings", f"ignore:{message}")


def dummy(name) -> Path:
    """Folder of a corpus' dummy data."""
    return ROOT / "tfds_builders" / name / "dummy_data"


@pytest.fixture(scope="session")
def open_data() -> Path:
    """Folder of openly licensed recordings; skips where there is none."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("KERAS_PAIN_DATA", default))
    if not folder.is_dir():
        pytest.skip(
            f"no open recordings at {folder}: set KERAS_PAIN_DATA to a folder "
            "that holds ui_prmd/"
        )
    return folder


@pytest.fixture(scope="session")
def smoked(tmp_path_factory):
    """Runs a table with `--smoke`, once for all tests of all processes.

    In one folder, whose `data` the tables share. The first table is run with
    all methods, as a user would; others that draw attention with one such
    network, if the first has it not, and all that are none; the rest with the
    first method or two.
    """
    from scripts import check_done, experiments_of, run_script

    from keras_pain.experiments.method_registry import fed
    from keras_pain.io import write_file
    from keras_pain.reproduction.faces import FaceExperiment

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    place = place / "smoked"
    place.mkdir(exist_ok=True)

    @functools.cache
    def smoke(name):
        said = place / f"{name}.json"
        try:
            (place / f"{name}.begun").mkdir()
        except FileExistsError:  # another process runs it, or has
            deadline = time.monotonic() + 600
            while not said.exists():
                assert time.monotonic() < deadline, f"{name} was not finished"
                time.sleep(0.5)
        else:
            done = run(name)
            write_file(said, json.dumps(vars(done), default=str).encode())
        done = SimpleNamespace(**json.loads(said.read_text()))
        names = [f"{one.table.name}_smoke" for one in experiments_of(name)]
        check_done(name, done)
        return done, [place / "results" / name for name in names]

    def run(name):
        experiments = experiments_of(name)
        few = 1 if isinstance(experiments[0], FaceExperiment) else 2
        rows = dict.fromkeys(row.method for row in experiments[0].table.rows)
        names = list(rows)[:few]
        if shown := experiments[0].attention[-1:]:
            first = experiments_of("table1_protective")[0].table.rows
            known = {row.method for row in first}
            shown = [method for method in shown if method not in known]
            names = [*(name for name in rows if not fed(name)), *shown]
        methods = [f"--methods={','.join(names)}"]
        if name == "table1_protective":
            methods = []
        return run_script(name, "--smoke", *methods, cwd=place, check=False)

    smoke.place = place
    return smoke


@pytest.fixture
def store(tmp_path):
    """A result store without a fold."""
    from keras_pain.experiments.store import ResultStore

    return ResultStore(tmp_path)


@pytest.fixture
def small_convnext(monkeypatch):
    """Keras' ConvNeXtTiny and Base with one block of few filters a stage."""
    import keras

    module = sys.modules[keras.applications.ConvNeXtTiny.__module__]
    for size, dims in (("tiny", [4, 6, 8, 10]), ("base", [6, 8, 10, 12])):
        config = {**module.MODEL_CONFIGS[size]}
        config.update(depths=[1, 1, 1, 1], projection_dims=dims)
        monkeypatch.setitem(module.MODEL_CONFIGS, size, config)
    return module


@pytest.fixture
def drawn(monkeypatch) -> list:
    """Figures as they are saved, to look into."""
    from matplotlib.figure import Figure

    figures, save = [], Figure.savefig

    def record(figure, *arguments, **options):
        figures.append(figure)
        return save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", record)
    return figures
