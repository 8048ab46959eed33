"""Face clips become datasets: whole, resumable, in parallel, and reported."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest
import rich.console
import tensorflow_datasets as tfds
from conftest import dummy

from keras_pain.corpora import biovid, manifest, pemf, unbc_mcmaster
from keras_pain.corpora.media import read_frames, write_mp4
from keras_pain.data.prepare import prepare_dataset
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.reproduction import Options
from keras_pain.reproduction.faces import FaceExperiment
from tfds_builders import clip_maker
from tfds_builders.biovid import biovid_dataset_builder
from tfds_builders.clip_maker import ClipJob, ClipSettings
from tfds_builders.pemf import pemf_dataset_builder
from tfds_builders.unbc_mcmaster import unbc_mcmaster_dataset_builder

CORPORA = {
    "biovid": (biovid, biovid_dataset_builder, 10),
    "pemf": (pemf, pemf_dataset_builder, 4),
    "unbc_mcmaster": (unbc_mcmaster, unbc_mcmaster_dataset_builder, 2),
}


class FakeDetector:
    """Sees a face in the middle of every frame that is not black."""

    def __init__(self):
        self.clips = 0

    def detect(self, frames):
        self.clips += 1
        return [self._boxes(frame) for frame in frames]

    def _boxes(self, frame):
        if frame.mean() < 10:
            return np.empty((0, 5), np.float32)
        height, width = frame.shape[:2]
        box = [width * 0.25, height * 0.25, width * 0.75, height * 0.75, 1]
        return np.array([box], np.float32)


@pytest.fixture
def detector(monkeypatch):
    fake = FakeDetector()
    monkeypatch.setattr(clip_maker, "_detector", lambda: fake)
    return fake


@pytest.fixture
def raw(tmp_path):
    """A copy of BioVid's dummy clips."""
    return shutil.copytree(dummy("biovid"), tmp_path / "raw")


def prepare(name, raw, tmp_path, layout=None, **options):
    options |= {"data_dir": tmp_path / "tfds", "layout": layout}
    return prepare_dataset(name, manual_dir=raw, **options)


def build(builder, raw, **options):
    config = tfds.download.DownloadConfig(manual_dir=raw, **options)
    builder.download_and_prepare(download_config=config)


def examples_of(path, **kwargs):
    dataset = tfds.builder_from_directory(path).as_dataset(
        split="train", **kwargs
    )
    examples = [dict(example) for example in dataset.as_numpy_iterator()]
    return sorted(examples, key=lambda example: example["name"])


def clip_paths(raw):
    return sorted(raw.rglob("*.mp4"))


def blacken(path):
    frames = read_frames(path)
    path.unlink()
    write_mp4(path, [np.zeros_like(frame) for frame in frames], 25)


@pytest.mark.parametrize("name", CORPORA)
def test_examples_hold_pictures_and_labels(name, tmp_path, detector):
    module, _, count = CORPORA[name]
    layout = "faces" if name == "pemf" else "c112"
    prepared = prepare(name, dummy(name), tmp_path, layout)
    assert prepared.config == layout and prepared.simulated
    examples = examples_of(prepared.path)
    found = module.find_files(dummy(name), module.detect_layout(dummy(name)))
    files = {file.name: file for file in found}
    assert len(examples) == count == len(files)
    side = 224 if name == "pemf" else 112
    for example in examples:
        recording, _ = module.read_file(files[example["name"].decode()])
        frames = len(example["frames"])
        assert frames == len(recording)
        assert example["frames"].shape == (frames, side, side, 3)
        assert example["frames"].dtype == np.uint8
        for per_frame in ("found", "source", "pspi"):
            assert example[per_frame].shape == (frames,)
        np.testing.assert_array_equal(example["found"], example["source"] == 0)
        assert example["boxes"].shape == (frames, 4)
        for label, value in recording.labels.items():
            assert example[label].dtype == np.float32
            np.testing.assert_allclose(example[label], value, rtol=1e-6)
        pspi = recording.frame_labels.get("pspi", np.full(frames, np.nan))
        np.testing.assert_array_equal(example["pspi"], pspi)
        assert example["subject_id"].decode() == recording.subject_id


def test_pictures_are_the_face_and_points_lie_on_them(tmp_path, detector):
    name = "unbc_mcmaster"
    prepared = prepare(name, dummy(name), tmp_path)
    assert prepared.config == "c224"
    first = examples_of(prepared.path)[0]
    files = unbc_mcmaster.find_files(dummy(name))
    [file] = [f for f in files if f.name == first["name"].decode()]
    recording, _ = unbc_mcmaster.read_file(file)
    np.testing.assert_array_equal(first["aus"], recording.frame_labels["aus"])
    x0, y0, x1, y1 = first["boxes"][0]
    frame = recording.frames()[0]
    # The middle half of the face, so that no border is in the way.
    height, width = y1 - y0, x1 - x0
    inner = frame[
        round(y0 + height / 4) : round(y1 - height / 4),
        round(x0 + width / 4) : round(x1 - width / 4),
    ]
    margin = 224 * (0.1 + 0.25) / 1.2
    cut = slice(round(margin), 224 - round(margin))
    ours = cv2.resize(first["frames"][0][cut, cut], (16, 16))
    theirs = cv2.resize(inner, (16, 16), interpolation=cv2.INTER_AREA)
    difference = np.abs(ours.astype(float) - theirs)
    assert difference.mean() < 0.2 * np.std(theirs)
    expected = (recording.landmarks[0] - (x0, y0)) / width / 1.2 + 0.1 / 1.2
    np.testing.assert_allclose(
        first["landmarks"][0], 224 * expected, rtol=1e-3, atol=0.01
    )


def test_pemf_frames_and_landmarks_without_pictures(tmp_path, detector):
    frames, points = (
        examples_of(prepare("pemf", dummy("pemf"), tmp_path, layout).path)
        for layout in ("frames", "landmarks")
    )
    assert detector.clips == 0  # neither needs to know where the face is
    assert [e["name"] for e in frames] == [e["name"] for e in points]
    assert [e["pain"] for e in frames] == [1, 1, 0, 1]  # A L N P
    assert all(e["frames"].shape == (20, 224, 224, 3) for e in frames)
    assert all(e["landmarks"].shape == (20, 68, 2) for e in points)
    assert all(np.isfinite(e["landmarks"]).all() for e in points)
    assert "frames" not in points[0] and "boxes" not in frames[0]


def test_quality_and_size_can_be_chosen(raw, tmp_path, detector):
    sizes = {}
    for quality in (95, 30):
        config = dataclasses.replace(
            biovid_dataset_builder.Builder.BUILDER_CONFIGS[0],
            name=f"q{quality}",
            size=64,
            quality=quality,
        )
        builder = biovid_dataset_builder.Builder(
            config=config, data_dir=tmp_path
        )
        build(builder, raw)
        coded = examples_of(
            builder.data_path, decoders={"frames": tfds.decode.SkipDecoding()}
        )
        sizes[quality] = sum(len(p) for e in coded for p in e["frames"])
        assert builder.info.metadata["options"]["quality"] == str(quality)
    assert sizes[30] < 0.6 * sizes[95]
    with pytest.raises(ConfigurationError, match="quality 1 to 100"):
        dataclasses.replace(config, quality=0)


def test_every_clip_is_reported(raw, tmp_path, detector, capsys):
    paths = clip_paths(raw)
    blacken(paths[0])
    frames = read_frames(paths[1])
    frames[1] = np.zeros_like(frames[1])
    paths[1].unlink()
    write_mp4(paths[1], frames, 25)
    paths[2].write_bytes(paths[2].read_bytes()[:900])
    prepared = prepare("biovid", raw, tmp_path)
    report = {file["name"]: file for file in prepared.report}
    assert len(report) == 10
    rules = {
        name: [f["rule"] for f in file["findings"] if f["action"] == "refused"]
        for name, file in report.items()
        if file["refused"]
    }
    assert rules == {paths[0].stem: ["no_face"], paths[2].stem: ["truncated"]}
    missed = report[paths[1].stem]
    counts = {"found": 3, "interpolated": 1, "fallback": 0, "others": 0}
    assert missed["faces"] == counts
    assert "face_missed" in [f["rule"] for f in missed["findings"]]
    examples = examples_of(prepared.path)
    assert len(examples) == 8
    assert examples[0]["name"].decode() == paths[1].stem
    assert examples[0]["found"].tolist() == [True, False, True, True]
    info = tfds.builder_from_directory(prepared.path).info
    assert info.metadata["frame_rate"] == 25
    assert info.metadata["layout"] == "part_a"
    assert "8 SIMULATED recordings" in capsys.readouterr().err


def test_a_clip_without_a_face_can_end_it(raw, tmp_path, detector, monkeypatch):
    blacken(clip_paths(raw)[4])
    with pytest.raises(BadFileError, match="no face was found") as caught:
        prepare("biovid", raw, tmp_path, on_bad_file="fail")
    assert str(clip_paths(raw)[4]) in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("KERAS_PAIN_ON_BAD_FILE", "fail")
    with pytest.raises(BadFileError):
        prepare("biovid", raw, tmp_path)
    monkeypatch.setenv("KERAS_PAIN_ON_BAD_FILE", "skip")
    assert len(prepare("biovid", raw, tmp_path).report) == 10


def test_a_folder_with_no_face_at_all_gets_one_line(raw, tmp_path, detector):
    for path in clip_paths(raw)[2:]:
        path.unlink()
    for path in clip_paths(raw):
        blacken(path)
    with pytest.raises(KerasPainError, match="all 2 clips were ref") as caught:
        prepare("biovid", raw, tmp_path)
    assert "no face" in str(caught.value) and "\n" not in str(caught.value)


def test_a_pemf_clip_of_19_frames_is_left_out(tmp_path, detector):
    raw = shutil.copytree(dummy("pemf"), tmp_path / "raw")
    pictures = sorted((raw / "Pictures").rglob("Neutral/*/*.jpg"))
    pictures[-1].unlink()
    prepared = prepare("pemf", raw, tmp_path, "frames")
    [refused] = [file for file in prepared.report if file["refused"]]
    assert refused["name"] == "S001N" and "19 frames" in str(refused)
    assert len(examples_of(prepared.path)) == 3


def test_missing_or_bad_landmarks_get_one_line(tmp_path, monkeypatch):
    raw = shutil.copytree(dummy("pemf"), tmp_path / "raw")
    csv = raw / "Landmarks" / "S001L.csv"
    whole = csv.read_text()
    first, rest = whole.split("\n", 1)
    csv.write_text(first.rpartition(',"')[0] + "\n" + rest)
    prepared = prepare("pemf", raw, tmp_path, "landmarks")
    [refused] = [file for file in prepared.report if file["refused"]]
    assert refused["name"] == "S001L" and "67 points" in str(refused)
    assert prepare("pemf", raw, tmp_path, "landmarks").reused
    csv.write_text(whole)
    with pytest.raises(KerasPainError, match="was built with other options"):
        prepare("pemf", raw, tmp_path, "landmarks")
    elsewhere = shutil.move(raw / "Landmarks", tmp_path / "points")
    variable = pemf_dataset_builder.LANDMARKS_VARIABLE
    with pytest.raises(ConfigurationError, match=variable):
        prepare("pemf", raw, tmp_path / "again", "landmarks")
    monkeypatch.setenv(variable, f"csv:{elsewhere}")
    again = prepare("pemf", raw, tmp_path / "again", "landmarks")
    assert len(examples_of(again.path)) == 4


def test_another_landmark_model_is_another_dataset(tmp_path, monkeypatch):
    model = tmp_path / "mesh.tflite"
    variable = pemf_dataset_builder.LANDMARKS_VARIABLE
    monkeypatch.setenv(variable, f"tflite:{model}")
    builder = pemf_dataset_builder.Builder(
        config="landmarks", data_dir=tmp_path
    )
    builder.find_raw_files(dummy("pemf"))
    seen = []
    for content in (b"one", b"two"):
        model.write_bytes(content)
        seen.append(builder.options())
    assert seen[0] != seen[1]
    model.unlink()
    with pytest.raises(KerasPainError, match="mesh.tflite: cannot be read"):
        builder.options()


@pytest.mark.parametrize("name", CORPORA)
def test_an_unknown_config_is_named_with_those_there_are(name, tmp_path):
    with pytest.raises(ConfigurationError, match="known are"):
        prepare(name, dummy(name), tmp_path, "c13")


class Broken(Exception):
    pass


def test_a_broken_build_goes_on(raw, tmp_path, detector, monkeypatch):
    make, made = clip_maker.make, []

    def broken(job):
        if len(made) == 6:
            raise Broken
        made.append(job.raw_file.name)
        return make(job)

    monkeypatch.setattr(clip_maker, "make", broken)
    with pytest.raises(Broken):
        prepare("biovid", raw, tmp_path)
    cache = tmp_path / "tfds" / "keras_pain_clips"
    assert detector.clips == 6 == len(list(cache.rglob("*.npz")))
    monkeypatch.setattr(clip_maker, "make", make)
    prepared = prepare("biovid", raw, tmp_path)
    assert detector.clips == 10 and len(prepared.report) == 10
    whole = prepare("biovid", raw, tmp_path / "elsewhere")
    assert detector.clips == 20
    assert whole.report == prepared.report
    expected = examples_of(whole.path)
    np.testing.assert_equal(examples_of(prepared.path), expected)
    # The dataset holds all that was kept.
    assert not cache.exists()
    assert prepare("biovid", raw, tmp_path).reused and detector.clips == 20


def test_other_bytes_labels_or_settings_are_other_clips(raw, tmp_path):
    files = biovid.find_files(raw)
    job = ClipJob("biovid", files[0], ClipSettings(), "cache")
    same = ClipJob("biovid", biovid.find_files(raw)[0], ClipSettings(), "cache")
    assert job.path == same.path
    level = dataclasses.replace(files[0], info=files[0].info | {"level": 4})
    others = [
        dataclasses.replace(job, raw_file=files[1]),
        dataclasses.replace(job, settings=ClipSettings(size=112)),
        dataclasses.replace(job, settings=ClipSettings(margin=0.2)),
        dataclasses.replace(job, raw_file=level),
    ]
    files[0].path.write_bytes(files[0].path.read_bytes() + b"\0")
    others.append(dataclasses.replace(job, cache="cache"))
    assert len({other.path for other in [job, *others]}) == 6


def test_a_damaged_clip_in_the_cache_is_made_again(raw, tmp_path, detector):
    job = ClipJob(
        "biovid", biovid.find_files(raw)[0], ClipSettings(), str(tmp_path)
    )
    example, report = clip_maker.finished(job)
    kept, kept_report = clip_maker.finished(job)
    assert detector.clips == 1 and kept_report == report
    assert kept["frames"] == example["frames"]
    assert kept["level"] == example["level"]
    np.testing.assert_array_equal(kept["boxes"], example["boxes"])
    content = job.path.read_bytes()
    at = content.rindex(b"PK\1\2") + 6  # the version that can read an entry
    later = content[:at] + b"\xff" + content[at + 1 :]
    for damaged in (content[:-200], later, b""):
        job.path.write_bytes(damaged)
        assert clip_maker.load(job.path) is None
        clip_maker.finished(job)
    assert detector.clips == 4
    assert not list(tmp_path.rglob(".*.tmp-*"))


def test_a_script_hashes_the_raw_files_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = Options(manual_dir=str(dummy("pemf")))
    experiment = FaceExperiment(None, "pemf", (), {}, config="frames")
    console = rich.console.Console(quiet=True)
    first = experiment.prepare(options, console)
    assert first.path.is_relative_to(f"data/tfds/{first.fingerprint[:12]}")
    hashed, fingerprint = [], manifest.fingerprint

    def counted(root, files):
        hashed.append(root)
        return fingerprint(root, files)

    monkeypatch.setattr(manifest, "fingerprint", counted)
    assert experiment.prepare(options, console).reused
    assert len(hashed) == 1


def beam_build(raw, tmp_path, on_bad_file=None):
    from apache_beam.options.pipeline_options import PipelineOptions

    builder = biovid_dataset_builder.Builder(config="c112", data_dir=tmp_path)
    builder.on_bad_file = on_bad_file
    options = PipelineOptions(["--runner=DirectRunner"])
    build(builder, raw, beam_options=options)
    return builder


def test_beam_builds_the_same_dataset(raw, tmp_path, detector):
    blacken(clip_paths(raw)[3])
    built = beam_build(raw, tmp_path / "beam")
    plain = prepare("biovid", raw, tmp_path, "c112")
    metadata = built.info.metadata
    assert metadata["report"] == plain.report
    assert metadata["fingerprint"] == plain.fingerprint
    assert metadata["simulated"] is True
    ours, theirs = examples_of(built.data_path), examples_of(plain.path)
    assert len(ours) == 9
    np.testing.assert_equal(ours, theirs)
    assert not (tmp_path / "beam" / "keras_pain_clips").exists()


def test_a_refusal_in_a_worker_of_beam_is_one_line(raw, tmp_path, detector):
    blacken(clip_paths(raw)[3])
    with pytest.raises(BadFileError, match="no face was found") as caught:
        beam_build(raw, tmp_path / "beam", on_bad_file="fail")
    assert clip_paths(raw)[3].name in str(caught.value)
    assert "\n" not in str(caught.value)
