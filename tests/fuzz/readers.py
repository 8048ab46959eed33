"""The readers, and small sound files for each."""

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import sys
from collections.abc import Callable

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]  # the tests' own helpers
# ruff: noqa: E402

import emopain_files
import gsff_fakes
import numpy as np
import own_folders
import pandas as pd
import scipy.io

import keras_pain
from keras_pain.augment import diffusion, sources, training
from keras_pain.augment import run as pictures
from keras_pain.corpora import base, manifest, mat, media
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.models import checkpoints, lsfan
from keras_pain.reports.table import read_published, read_scores
from keras_pain.signals import landmarks

DUMMY = TESTS.parent / "tfds_builders"


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader and what it reads.

    Args:
        name: Short name.
        build: Writes sound files into a folder.
        files: Pattern of the files that are mutated.
        read: Reads a folder, in which one file was mutated. Returns whether
            the file was refused without an error, e.g. by a note.
        kind: Suffix by which a file is mutated; "" takes its own.
    """

    name: str
    build: Callable[[pathlib.Path], None]
    files: str
    read: Callable[[pathlib.Path, pathlib.Path], bool | None]
    kind: str = ""


# --- Corpora ---


def _own(ending, root):
    """A user's folder of one person, with files of an ending and times."""
    rows = own_folders.write_signals(root, people=1)
    own_folders.write_tsv(root / "P0_0_labels.tsv", ("time", "x"), [(0, 1)])
    names = [name for name, *_ in own_folders.CHANNELS]
    for name, *_ in rows:
        source, target = root / name, root / name.replace("csv", ending)
        frame = pd.read_csv(source)[names]
        seconds = frame.index / own_folders.RATE
        time = pd.Timestamp("2026-11-28 23:59:59") + pd.to_timedelta(
            seconds, "s"
        )
        if ending in ("csv", "parquet"):
            source.unlink()
            write = {"csv": frame.to_csv, "parquet": frame.to_parquet}[ending]
            frame["time"] = time
            write(target, index=False)
            continue
        columns = {n: frame[n].to_numpy() for n in names} | {"time": seconds}
        if ending == "mat":
            scipy.io.savemat(target, columns)
        else:
            np.savez(target, **columns)
        source.unlink()
    text = (root / "recordings.tsv").read_text().replace("csv", ending)
    (root / "recordings.tsv").write_text(text)


def _dummy(corpus, root):
    shutil.copytree(DUMMY / corpus / "dummy_data", root, dirs_exist_ok=True)


def _mat(version, root):
    folder = DUMMY / "emopain" / "dummy_data"
    for path in sorted(folder.rglob("*.mat")):
        found, target = (
            mat.load_matrix(path, several="last"),
            root / (path.relative_to(folder)),
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        variables = {found.variable: found.values}
        if version == "73":
            emopain_files.save_73(target, variables)
        else:
            scipy.io.savemat(target, variables, format=version)


def _corpus(name, root, path):
    """Reads the recordings that a file belongs to, or else all."""
    module = base.get_corpus(name)
    layout = path.relative_to(root).parts[0]
    if layout not in module.LAYOUTS:
        layout = module.LAYOUTS[0]
    with contextlib.suppress(KerasPainError):  # EmoPain has several here
        module.detect_layout(root)
    files = module.find_files(root, layout)
    own = [
        f
        for f in files
        if path == f.path or path in f.parts or f.path in path.parents
    ]
    refused = False
    for raw_file in own or files:
        try:
            recording, findings = module.read_file(raw_file)
            if callable(frames := getattr(recording, "frames", None)):
                frames()
            refused |= any(f.rule.startswith("bad_") for f in findings)
        except BadFileError:
            refused = True
    return refused


def _ratings(root, path):
    from keras_pain.corpora.pemf.ratings import read_ratings

    ratings, found = read_ratings(path)
    return not ratings


def _still(root, path):
    refused = False
    for read in (
        lambda: media.read_still(path),
        lambda: sources.decode(path.read_bytes(), path.name),
    ):
        try:
            read()
        except KerasPainError:
            refused = True
    return refused


def _stills(root):
    for number, ending in enumerate(("png", "jpg")):
        pixels = gsff_fakes.red_square(number)
        from PIL import Image

        Image.fromarray(pixels).save(root / f"{number}.{ending}")


def _raw_manifest(root):
    for name in ("a.txt", "b.txt"):
        (root / name).write_text(f"content of {name}")
    manifest.write_manifest(root, sorted(root.glob("*.txt")))


def _verify(root, path):
    manifest.verify_manifest(root, sorted(root.glob("*.txt")))


# --- Folds, weights, published numbers ---


KEYS = [
    FoldKey("loso", "leak_free", "knn", 0, f"P0{number}") for number in (1, 2)
]


def _folds(root):
    for number, key in enumerate(KEYS):
        rng = np.random.default_rng(number)
        positive = rng.random(20).astype(np.float32)
        result = {
            "metrics": {"macro_f1": 0.5},
            "timings": {"fit_seconds": 1.5, "jobs": 1},
            "environment": {
                "versions": {"numpy": "2"}, "hardware": "x", "git_commit": "a",
                "sources_sha256": "0",
            },
            "history": [{"loss": 1.0}],
            "chosen_epoch": 1,
        }  # fmt: skip
        predictions = {
            "y_true": rng.integers(0, 2, 20),
            "probabilities": np.stack([1 - positive, positive], 1),
            "subject": np.array([key.fold] * 20),
            "window_id": np.array([f"w{i}" for i in range(20)]),
        }
        config = {"dataset": {"fingerprint": "f" * 64}, "defects": []}
        ResultStore(root, True).write(key, config, result, predictions)


def _read_folds(root, path, repair=False):
    if repair:  # so that what the arrays are is what is looked at
        record = path.with_name("result.json")
        import json

        from keras_pain.io import sha256_of

        told = json.loads(record.read_bytes())
        told["files"][path.name] = {
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        record.write_text(json.dumps(told))
    store = ResultStore(root)
    found = store.completed()
    for key in KEYS:
        store.contains(key)
    read_scores(store, KEYS, 2)
    return len(found) < 2


def _preset(root):
    """A preset of one fold, and a recording that it can predict."""
    own_folders.write_signals(root / "data", people=4)
    place = {name: str(root / name) for name in ("results_dir", "data_dir")}
    given = {"methods": ["knn"], "evaluation": "group_kfold:2", **place}
    keras_pain.evaluate(root / "data", label="pain", **given)
    found = keras_pain.load(place["results_dir"], fold="fold0")
    found.save_to_preset(root / "preset")
    for name in place:
        shutil.rmtree(root / name)


def _load_preset(root, path):
    predictor = keras_pain.load(root / "preset")
    predictor.predict(root / "data" / "P0_0.csv")


def _weights(root):
    import torch

    state = {
        name: torch.zeros(_torch_shape(variable))
        for name, variable in _targets().items()
    }
    torch.save(state, root / "model.pth")


def _torch_shape(variable):
    axes = checkpoints._AXES[len(variable.shape)]
    return tuple(variable.shape[i] for i in np.argsort(axes))


@functools.cache
def _targets():
    return checkpoints._lsfan_variables(lsfan.LSFAN())


def _read_weights(root, path):
    tensors = checkpoints.read_tensors(path, "x")
    checkpoints.assign_tensors(path, tensors, _targets(), "x")


def _published(root):
    folder = TESTS.parent / "reproduce" / "published"
    shutil.copy(folder / "alanet_table1.csv", root)


# --- Generated pictures ---


def _gsff(root):
    gsff_fakes.run(root, name="out")
    (root / "note").write_text("")


def _go_on(root, path):
    training.load_generated(path if path.is_dir() else root / "out")
    gsff_fakes.run(root, name="out")
    pictures.contact_sheet(root / "out", gsff_fakes.sources(3))


def _gsff_csv(root):
    names = ["a.png", "b.png"]
    for number, name in enumerate(names):
        pixels = gsff_fakes.red_square(number)
        (root / name).write_bytes(sources.encode_png(pixels))
    rows = [f"{name},s{i},c,{i},{i}" for i, name in enumerate(names)]
    text = "\n".join(["file,subject,clip,frame,pspi", *rows])
    (root / "labels.csv").write_text(text)
    gsff_fakes.points_csv(root / "landmarks.csv", names)


def _read_csv(root, path):
    found = sources.find_sources(root)
    points = sources.open_landmarks(None, root)
    for source in found:
        points.clip([None], name=source.name)


def _points(root):
    text = landmarks.csv_text(np.tile(gsff_fakes.POINTS, (20, 1, 1)))
    (root / "clip.csv").write_text(text)


def _depth(root):
    np.save(root / "a.npy", np.tile(np.arange(16.0), (16, 1)))


def _read_depth(root, path):
    diffusion.Depth(f"npy:{root}").maps(["a"], (8, 8))


def _of(corpus):
    return functools.partial(_dummy, corpus), functools.partial(_corpus, corpus)


def _reader(name, corpus, files):
    build, read = _of(corpus)
    return Reader(name, build, files, read)


def _of_file(name, build, read):
    """A reader of single CSV files, from whose path it reads."""

    def of_path(root, path):
        read(path)

    return Reader(name, build, "*.csv", of_path)


READERS = {
    reader.name: reader
    for reader in (
        *(
            Reader(
                f"mat{version}",
                functools.partial(_mat, version),
                "**/*.mat",
                functools.partial(_corpus, "emopain"),
                ".mat73" if version == "73" else "",
            )
            for version in ("4", "5", "73")
        ),
        _reader("unbc_labels", "unbc_mcmaster", "*_Labels/**/*.txt"),
        _reader("unbc_landmarks", "unbc_mcmaster", "AAM_landmarks/**/*.txt"),
        _reader("unbc_pictures", "unbc_mcmaster", "Images/**/*.png"),
        _reader("biovid_samples", "biovid", "**/samples.csv"),
        _reader("mp4", "biovid", "**/*.mp4"),
        Reader(
            "pemf_sheet",
            functools.partial(_dummy, "pemf"),
            "**/*.xlsx",
            _ratings,
        ),
        _reader("pemf_corpus", "pemf", "**/*.xlsx"),
        _reader("ui_prmd", "ui_prmd", "**/*positions*.txt*"),
        *(
            Reader(
                f"own_{ending}",
                functools.partial(_own, ending),
                f"*.{ending}",
                functools.partial(_corpus, "folder"),
            )
            for ending in ("csv", "npz", "parquet", "mat")
        ),
        Reader(
            "own_tables",
            functools.partial(_own, "csv"),
            "*.tsv",
            functools.partial(_corpus, "folder"),
        ),
        _of_file("landmark_csv", _points, landmarks.read_csv),
        Reader("pictures", _stills, "*.*", _still),
        Reader("pth", _weights, "*.pth", _read_weights),
        _of_file("published", _published, read_published),
        Reader("raw_manifest", _raw_manifest, "*manifest.csv", _verify),
        Reader("result_json", _folds, "**/result.json", _read_folds),
        Reader("predictions", _folds, "**/*.npz", _read_folds),
        Reader(
            "arrays",
            _folds,
            "**/*.npz",
            functools.partial(_read_folds, repair=True),
        ),
        Reader("preset", _preset, "preset/**/*.*", _load_preset),
        Reader("gsff_run", _gsff, "out/run.json", _go_on),
        Reader("gsff_manifest", _gsff, "out/manifest.jsonl", _go_on),
        Reader("gsff_pictures", _gsff, "out/images/**/*.png", _go_on),
        Reader("gsff_csv", _gsff_csv, "*.csv", _read_csv),
        Reader("depth", _depth, "*.npy", _read_depth),
    )
}
