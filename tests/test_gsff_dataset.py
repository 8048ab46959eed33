"""From a dataset to generated pictures, and with them back to table 10."""

import json

import gsff_fakes as fake
import numpy as np
import pytest
from gsff_fakes import command

from keras_pain.augment import sources
from keras_pain.augment.run import add_picture, open_folder, read_lines
from keras_pain.augment.sources import encode_png
from keras_pain.augment.training import with_generated
from keras_pain.data.clips import cut_clips, open_frames
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import ConfigurationError, KerasPainError

SETTINGS = {"label": "pspi", "level": "frame", "size": 96, "faces_only": True}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two people, four frames each; pain in the last two, one without face."""
    import tensorflow_datasets as tfds

    f, count = tfds.features, 4
    picture = f.Image(shape=(96, 96, 3), encoding_format="jpeg")
    features = {
        "name": f.Text(),
        "subject_id": f.Text(),
        "frames": f.Sequence(picture),
        "found": f.Tensor(shape=(None,), dtype=np.bool_),
        "source": f.Tensor(shape=(None,), dtype=np.uint8),
        "pspi": f.Tensor(shape=(None,), dtype=np.float32),
        "landmarks": f.Tensor(shape=(None, 68, 2), dtype=np.float32),
    }

    class Faces(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=f.FeaturesDict(features),
                metadata=tfds.core.MetadataDict(simulated=True),
            )

        def _split_generators(self, dl_manager):
            return {"full": self._generate_examples()}

        def _generate_examples(self):
            for person in range(2):
                pictures = [fake.red_square(9 * person + i) for i in range(4)]
                example = {
                    "name": f"c{person}",
                    "subject_id": f"s{person}",
                    "frames": pictures,
                    "found": np.arange(count) != 3,
                    "source": np.uint8(np.arange(count) == 3),
                    "pspi": np.float32([0, 0, 3, 5 + person]),
                    "landmarks": np.float32([fake.POINTS] * count),
                }
                yield person, example

    builder = Faces(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return PreparedDataset(
        builder.data_path, "unbc_mcmaster", "c96", "f" * 64, True, [], False
    )


def extended_by(dataset, augment, settings=SETTINGS, cut=None):
    store = open_frames(dataset.path)
    cut = cut or cut_clips(store, **settings)
    return with_generated(store, str(augment), settings, dataset, lambda: cut)


def test_a_dataset_through_the_command_into_training(
    dataset, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(
        "keras_pain.signals.faces.FaceDetector", fake.RedDetector
    )
    out = tmp_path / "out"
    argv = ("--input", dataset.path, "--generator=geometric", "--output", out)
    code, printed, errors = command(capsys, *argv)
    assert code == 0 and not errors
    # Those with pain, but not those whose face was guessed.
    assert "SIMULATED, 2 good pictures" in printed
    assert "schematic" not in printed  # the dataset has landmarks
    lines, _ = read_lines(out / "manifest.jsonl")
    shown = [(v["subject"], v["clip"], v["frame"]) for v in lines]
    assert shown == [("s0", "c0", "2"), ("s1", "c1", "2")]
    assert {v["landmarks"] for v in lines} == {"with the frame"}
    extended, label, note = extended_by(dataset, out)
    assert label == "geometric"
    assert note.startswith("trained on 2 generated pictures (geometric")
    assert cut_clips(extended, **SETTINGS).generated.sum() == 2
    # --augment geometric makes the same, of the run's samples, by the dataset.
    clips = cut_clips(open_frames(dataset.path), **SETTINGS)
    few = clips.take(clips.person == "s1")
    monkeypatch.setattr(
        "keras_pain.augment.training.FaceDetector", fake.RedDetector
    )
    monkeypatch.chdir(tmp_path)
    for cut, count in ((few, 1), (clips, 2), (few, 1)):
        note = extended_by(dataset, "geometric", cut=cut)[2]
        assert note.startswith(f"trained on {count} generated pictures")
    assert not (tmp_path / "data").exists()
    (run,) = dataset.path.glob("generated/*/run.json")
    version = json.loads(run.read_text())["settings"]["generator"]["version"]
    assert run.parent.name == f"geometric_{version}"


def test_which_frames_of_a_dataset(dataset, tmp_path, capsys):
    path = dataset.path
    assert sources.is_simulated(path) and not sources.is_simulated(tmp_path)
    found = sources.of_dataset(path, all_frames=True)
    assert len(found) == 6 and {s.pspi for s in found} == {0, 3}
    assert len(sources.of_dataset(path, every=2)) == 2
    with pytest.raises(KerasPainError, match="none of the chosen"):
        sources.of_dataset(path, every=3)
    out = ("--output", tmp_path / "out", "--generator=geometric", "--input")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "a.png").write_bytes(encode_png(fake.red_square()))
    for flags, words in (
        ((path, "--labels=mine.csv"), "a dataset has its own"),
        ((tmp_path / "faces", "--every=2"), "choose from a dataset"),
        ((tmp_path / "faces", "--all_frames"), "choose from a dataset"),
    ):
        code, _, errors = command(capsys, *out, *flags)
        assert code == 1 and len(errors) == 1 and words in errors[0]


def run_of(folder, simulated=True, side=96, **changes):
    """A run's folder with one picture of the dataset, but for changes."""
    line = dict.fromkeys(("reason", "source_sha256", "points_sha256"), "")
    line |= {"source": "c1/000002", "copy": 0, "status": "good", "iou": 1.0}
    line |= {"method": "gsff", "notes": [], "subject": "s1", "clip": "c1"}
    line |= {"frame": "2", "pspi": 3.0}
    open_folder(folder, {}, simulated)
    add_picture(folder, simulated, line | changes, fake.red_square(side=side))
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"simulated": False}, "made from real faces, .* are simulated"),
        ({"frame": "1"}, "frame c1:1, PSPI 3; this dataset has no such"),
        ({"subject": "s0"}, "is of s0, frame c1:2"),
        ({"clip": "c7"}, "no such frame; make them with keras-pain gsff"),
        ({"pspi": 4.0}, "PSPI 4"),
        ({"side": 112}, "112 x 112 pixels, the dataset's have 96 x 96"),
    ],
)
def test_pictures_of_other_frames_are_refused(
    dataset, tmp_path, changes, words
):
    good = run_of(tmp_path / "good")
    assert "1 generated" in extended_by(dataset, good)[2]
    left_out = {**SETTINGS, "without": ["s1"]}
    assert "0 generated" in extended_by(dataset, good, left_out)[2]
    with pytest.raises(KerasPainError, match=words) as caught:
        extended_by(dataset, run_of(tmp_path / "bad", **changes))
    assert isinstance(caught.value, ConfigurationError) != ("side" in changes)
