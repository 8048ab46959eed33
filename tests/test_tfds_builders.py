"""Every dataset folder is complete; no subject is in two splits."""

import importlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from conftest import dummy

from keras_pain.corpora import base, emopain, manifest, ui_prmd
from keras_pain.data.prepare import load_recordings, prepare_dataset
from keras_pain.errors import BadFileError, KerasPainError
from tfds_builders import corpus_builder
from tfds_builders.emopain import emopain_dataset_builder
from tfds_builders.face_builder import FaceBuilder
from tfds_builders.ui_prmd import download

BUILDERS = pathlib.Path(corpus_builder.__file__).parent
FOLDERS = sorted(
    folder.name
    for folder in BUILDERS.iterdir()
    if folder.is_dir() and not folder.name.startswith(("_", "."))
)


def builder_module(name):
    name = f"tfds_builders.{name}.{name}_dataset_builder"
    return importlib.import_module(name)


def is_of_faces(name):
    return issubclass(builder_module(name).Builder, FaceBuilder)


# What face builders put into their examples is tested in
# test_face_builders.py.
CONFIGS = [
    (name, config.name)
    for name in FOLDERS
    if not is_of_faces(name)
    for config in builder_module(name).Builder.BUILDER_CONFIGS
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """Every config, built from the dummy data."""
    data_dir = tmp_path_factory.mktemp("tfds")
    return {
        (name, config): prepare_dataset(
            name, manual_dir=dummy(name), data_dir=data_dir, layout=config
        )
        for name, config in CONFIGS
    }


@pytest.fixture
def raw(tmp_path):
    """A copy of the dummy fame files."""
    return shutil.copytree(dummy("emopain") / "fame", tmp_path / "raw")


def prepare_fame(raw, tmp_path, **kwargs):
    return prepare_dataset(
        "emopain", manual_dir=raw, data_dir=tmp_path / "tfds", **kwargs
    )


def test_every_corpus_has_a_builder_and_the_other_way_round():
    assert FOLDERS == sorted(base.CORPORA)


@pytest.mark.parametrize("name", FOLDERS)
def test_folder_has_what_tfds_makes_and_we_promise(name):
    folder = BUILDERS / name
    for file in (
        *("__init__.py", "README.md", "make_dummy_data.py"),
        *(f"{name}_dataset_builder.py", f"{name}_dataset_builder_test.py"),
    ):
        assert (folder / file).is_file(), file
    assert "Processing applied:" in (folder / "README.md").read_text()
    if name != "folder":  # what a user's own recordings are, nobody knows
        assert (folder / "TAGS.txt").is_file()
        citation = (folder / "CITATIONS.bib").read_text()
        assert re.search(r"^@(article|inproceedings|misc)\{", citation)
    sizes = [p.stat().st_size for p in dummy(name).rglob("*") if p.is_file()]
    assert 0 < sum(sizes) < (400_000 if is_of_faces(name) else 100_000)


@pytest.mark.parametrize("name", FOLDERS)
def test_builder_states_version_notes_access_and_layouts(name):
    builder = builder_module(name).Builder
    assert str(builder.VERSION) in builder.RELEASE_NOTES
    access = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
    assert "manual directory" in access
    assert name == builder.CORPUS == builder.name
    configs = builder.BUILDER_CONFIGS
    if is_of_faces(name):  # the layout is found out
        assert len({config.name for config in configs}) == len(configs)
        assert all(config.description for config in configs)
    else:
        layouts = base.get_corpus(name).LAYOUTS
        assert [config.layout for config in configs] == list(layouts)
        assert [config.name for config in configs] == list(layouts)
    assert builder.DEFAULT_ON_BAD_FILE in ("fail", "skip")


@pytest.mark.parametrize("name", FOLDERS)
def test_dummy_data_are_what_the_script_beside_them_invents(name, tmp_path):
    script = importlib.import_module(f"tfds_builders.{name}.make_dummy_data")
    script.main(tmp_path)
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.*"))
    kept = sorted(p.relative_to(dummy(name)) for p in dummy(name).rglob("*.*"))
    assert made == kept
    for path in made:
        fresh, stored = tmp_path / path, dummy(name) / path
        if path.suffix == ".mat":
            fresh, stored = map(scipy.io.loadmat, (fresh, stored))
            for key in fresh.keys() - {"__header__", "__version__"}:
                # Processors round the last digits in their own ways.
                np.testing.assert_allclose(fresh[key], stored[key], 1e-9)
        elif path.suffix in (".txt", ".csv", ".tsv", ".json"):
            assert fresh.read_text() == stored.read_text()


@pytest.mark.parametrize("key", CONFIGS, ids="/".join)
def test_no_subject_is_in_two_splits(datasets, key):
    splits = {}
    for recording in load_recordings(datasets[key].path):
        found = splits.setdefault(recording["subject_id"], set())
        found.add(recording["split"])
    assert splits and all(len(s) == 1 for s in splits.values())


@pytest.mark.parametrize("key", CONFIGS, ids="/".join)
def test_examples_are_the_reader_s_recordings_unchanged(datasets, key):
    module = base.get_corpus(key[0])
    found = {f.name: f for f in module.find_files(dummy(key[0]), key[1])}
    examples = load_recordings(datasets[key].path, with_joints=True)
    names = [example["recording"] for example in examples]
    assert len(names) == len(set(names)) > 0
    for example in examples:
        recording, _ = module.read_file(found[example["recording"]])
        for feature in example.keys() - {"recording", "split"}:
            value, expected = example[feature], getattr(recording, feature)
            if isinstance(value, np.ndarray):
                assert value.dtype == expected.dtype
            np.testing.assert_array_equal(value, expected, err_msg=feature)


@pytest.mark.parametrize("key", CONFIGS, ids="/".join)
def test_metadata_say_where_the_dataset_is_from(datasets, key):
    files = base.get_corpus(key[0]).find_files(dummy(key[0]), key[1])
    info = tfds.builder_from_directory(datasets[key].path).info
    expected = manifest.fingerprint(dummy(key[0]), files)
    assert info.metadata["fingerprint"] == expected
    assert datasets[key].fingerprint == expected
    assert info.metadata["simulated"] is True
    assert info.metadata["frame_rate"] == 60.0
    assert info.metadata["layout"] == key[1]
    paths = [file["path"] for file in info.metadata["report"]]
    assert sorted(paths) == sorted(f.relative for f in files)
    json.dumps(datasets[key].report)
    assert len(info.citation) > 100 and "Processing" in info.description


def test_one_frame_episode_is_refused_and_reported(datasets):
    report = datasets["ui_prmd", "vicon"].report
    refused = [file["name"] for file in report if file["refused"]]
    assert refused == ["m05_s02_e02_incorrect"]
    recordings = load_recordings(datasets["ui_prmd", "vicon"].path)
    assert len(recordings) == len(report) - 1


def test_one_recording_is_read_at_a_time(raw, tmp_path, monkeypatch):
    read_file, reads = emopain.read_file, []

    def counted(raw_file, **options):
        reads.append(raw_file.name)
        return read_file(raw_file, **options)

    monkeypatch.setattr(emopain, "read_file", counted)
    builder = emopain_dataset_builder.Builder(config="fame", data_dir=tmp_path)
    files = emopain.find_files(raw, "fame")
    examples = builder._generate_examples(raw, files)
    assert reads == []
    for number, (name, _) in enumerate(examples, start=1):
        assert reads[-1] == name and len(reads) == number


def test_a_subject_in_two_splits_stops_the_build(tmp_path):
    raw = shutil.copytree(dummy("emopain") / "coordinates", tmp_path / "raw")
    (raw / "validation" / "P4D.mat").rename(raw / "validation" / "P2D.mat")
    with pytest.raises(KerasPainError, match="P2 is in train and in validat"):
        prepare_fame(raw, tmp_path)


def test_a_test_split_is_built_where_the_owners_gave_one(tmp_path):
    raw = shutil.copytree(dummy("emopain") / "coordinates", tmp_path / "raw")
    (raw / "test").mkdir()
    shutil.copy(raw / "validation" / "P4D.mat", raw / "test" / "P5D.mat")
    prepared = prepare_fame(raw, tmp_path)
    info = tfds.builder_from_directory(prepared.path).info
    assert list(info.splits) == ["train", "validation", "test"]


def test_a_missing_layout_says_which_are_there(tmp_path):
    builder = emopain_dataset_builder.Builder(config="fame", data_dir=tmp_path)
    raw = dummy("emopain") / "coordinates"
    config = tfds.download.DownloadConfig(manual_dir=raw)
    with pytest.raises(KerasPainError) as caught:
        builder.download_and_prepare(download_config=config)
    assert "--config=coordinates" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_beside_the_split_folders_join_the_first_split(tmp_path):
    raw = shutil.copytree(dummy("emopain") / "coordinates", tmp_path / "raw")
    shutil.copy(raw / "train" / "C1N.mat", raw / "C9N.mat")
    with pytest.raises(BadFileError, match="C9N.mat"):
        prepare_fame(raw, tmp_path)
    prepared = prepare_fame(raw, tmp_path, on_bad_file="skip")
    refused = [f["path"] for f in prepared.report if f["refused"]]
    assert refused == ["C9N.mat"]
    assert len(load_recordings(prepared.path)) == 4


def test_bad_files_end_the_build_or_are_left_out(raw, tmp_path, monkeypatch):
    bad = raw / "randomised C" / "C1_N.mat"
    bad.write_bytes(b"not a .mat file")
    with pytest.raises(BadFileError, match="C1_N.mat"):
        prepare_fame(raw, tmp_path)
    monkeypatch.setenv(corpus_builder.ON_BAD_FILE_VARIABLE, "skip")
    prepared = prepare_fame(raw, tmp_path)
    assert not prepared.reused
    assert [f["name"] for f in prepared.report if f["refused"]] == ["C1_N"]
    assert len(load_recordings(prepared.path)) == 2
    # What was left out once is not forgotten when it is reused.
    assert prepare_fame(raw, tmp_path).reused
    with pytest.raises(KerasPainError, match="without 1 refused file"):
        prepare_fame(raw, tmp_path, on_bad_file="fail")


@pytest.mark.parametrize("source", ["environment", "argument"])
def test_on_bad_file_has_two_values(raw, tmp_path, monkeypatch, source):
    kwargs = {"on_bad_file": "ignore"} if source == "argument" else {}
    if source == "environment":
        monkeypatch.setenv(corpus_builder.ON_BAD_FILE_VARIABLE, "ignore")
    with pytest.raises(KerasPainError, match="fail, skip; got 'ignore'"):
        prepare_fame(raw, tmp_path, **kwargs)


def test_a_config_can_carry_on_bad_file(raw, tmp_path):
    (raw / "randomised C" / "C1_N.mat").write_bytes(b"not a .mat file")
    config = emopain_dataset_builder.EmopainConfig(
        name="fame_lenient", layout="fame", on_bad_file="skip"
    )
    builder = emopain_dataset_builder.Builder(config=config, data_dir=tmp_path)
    config = tfds.download.DownloadConfig(manual_dir=raw)
    builder.download_and_prepare(download_config=config)
    assert builder.info.splits["train"].num_examples == 2


class _DownloadManager:
    def __init__(self, folder, archives=None, error=None):
        self.download_dir, self.archives = folder, archives
        self.error = error

    @property
    def manual_dir(self):
        raise AssertionError("Manual directory does not exist or is empty.")

    def download(self, urls):
        if self.error:
            raise self.error
        assert urls == download.URLS
        return self.archives


def test_archives_are_downloaded_without_a_manual_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_check", lambda url: None)
    archives = {}
    for name in download.ARCHIVES:
        top = name.removesuffix(".zip")
        archives[name] = tmp_path / name
        with zipfile.ZipFile(archives[name], "w") as archive:
            for path in (dummy("ui_prmd") / top).rglob("*.txt*"):
                archive.write(path, path.relative_to(dummy("ui_prmd")))
    root = download.raw_folder(_DownloadManager(tmp_path, archives))
    found = [f.name for f in ui_prmd.find_files(root)]
    assert found == [f.name for f in ui_prmd.find_files(dummy("ui_prmd"))]


@pytest.mark.parametrize("fails", ["host", "download", "archive"])
def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch, fails):
    def check(url):
        if fails == "host":
            raise OSError("Name or service not known")

    (tmp_path / "no.zip").write_text("<html>moved</html>")
    archives = dict.fromkeys(download.ARCHIVES, tmp_path / "no.zip")
    error = tfds.download.DownloadError("404") if fails == "download" else None
    monkeypatch.setattr(download, "_check", check)
    with pytest.raises(KerasPainError) as caught:
        download.raw_folder(_DownloadManager(tmp_path, archives, error))
    assert "--manual_dir" in str(caught.value)
    assert download.HOMEPAGE in str(caught.value)
    assert "\n" not in str(caught.value)


def tfds_build(*flags, manual_dir, data_dir):
    return subprocess.run(
        [
            *(sys.executable, "-m", "tensorflow_datasets.scripts.cli.main"),
            *("build", str(BUILDERS / "emopain"), *flags),
            *("--manual_dir", str(manual_dir), "--data_dir", str(data_dir)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_tfds_build_makes_every_config(tmp_path):
    done = tfds_build(manual_dir=dummy("emopain"), data_dir=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    for layout in emopain.LAYOUTS:
        path = tmp_path / "emopain" / layout / "1.0.0"
        assert load_recordings(path)
    assert "4 SIMULATED recordings, 192 frames, 0 files refused" in done.stderr


def test_tfds_build_leaves_out_configs_that_are_not_there(raw, tmp_path):
    """Unless they are asked for; what is built is loaded by its name."""
    root = tmp_path / "tfds"
    done = tfds_build(manual_dir=raw, data_dir=root)
    assert done.returncode == 0, done.stderr[-2000:]
    for absent in ("coordinates", "challenge2020"):
        assert f"emopain/{absent}/1.0.0: skipped; {raw}" in done.stderr
        assert not (root / "emopain" / absent).exists()
    assert len(tfds.load("emopain/fame", data_dir=root, split="train")) == 3
    done = tfds_build("--config=coordinates", manual_dir=raw, data_dir=root)
    assert done.returncode == 1 and "--config=fame" in done.stderr


def test_a_finished_dataset_is_loaded_without_writing(raw, tmp_path):
    path = prepare_fame(raw, tmp_path).path
    before = [folder.stat().st_mtime_ns for folder in path.parents[:3]]
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    builder = tfds.builder("emopain/fame", data_dir=tmp_path / "tfds")
    builder.download_and_prepare()
    assert len(builder.as_dataset(split="train")) == 3
    assert before == [folder.stat().st_mtime_ns for folder in path.parents[:3]]


def test_a_dataset_whose_split_is_full_is_loaded_as_train(raw, tmp_path):
    """So older versions wrote it; its files stay as they are."""
    path = prepare_fame(raw, tmp_path).path
    expected = load_recordings(path)
    for file in path.glob("*-train.*"):
        file.rename(path / file.name.replace("-train.", "-full."))
    info = path / "dataset_info.json"
    info.write_text(info.read_text().replace('"train"', '"full"'))
    loaded = tfds.load(
        "emopain/fame", data_dir=tmp_path / "tfds", split="train[1:]"
    )
    assert len(list(loaded)) == 2
    again = prepare_fame(raw, tmp_path)
    assert again.reused and {r["split"] for r in expected} == {""}
    found = load_recordings(path)
    np.testing.assert_equal(found, expected)


def test_importing_the_package_registers_every_corpus():
    assert set(base.CORPORA) <= set(tfds.list_builders())
