"""Fixtures shared by all tests."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project_root() -> Path:
    """Root of the project."""
    return ROOT


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
