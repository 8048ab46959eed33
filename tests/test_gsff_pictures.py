"""Pictures made from drawn and real faces, with and without a model."""

import importlib.util
import shutil

import cv2
import gsff_fakes as fake
import numpy as np
import pytest
from gsff_fakes import command, run
from PIL import Image

from keras_pain import augment
from keras_pain.augment import diffusion, training
from keras_pain.augment import sources as frames
from keras_pain.augment.geometric import GeometricGenerator, change_face
from keras_pain.augment.prompts import PromptBuilder
from keras_pain.augment.run import (
    PictureRun,
    contact_sheet,
    generate,
    read_lines,
)
from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.signals.faces import FaceDetector
from keras_pain.signals.landmarks import front_face

MISSING = [
    name
    for name in ("torch", "diffusers", "transformers", "accelerate")
    if importlib.util.find_spec(name) is None
]
needs_diffusers = pytest.mark.skipif(
    bool(MISSING), reason=f"extra gsff not installed: {', '.join(MISSING)}"
)


# Geometric changes


def textured(side=160):
    """Noise that shows every move, with landmarks of a face in its middle."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3))
    noise = cv2.GaussianBlur(noise.astype(np.uint8), (0, 0), 1.5)
    return noise, front_face() * 32 + (side / 2, side / 2.5)


def hull(points, shape):
    inner = np.rint(points[17:]).astype(np.int32)
    return cv2.fillConvexPoly(np.zeros(shape), cv2.convexHull(inner), 1) > 0


def test_brows_eyes_nose_and_mouth_are_not_moved():
    frame, points = textured()
    inside = hull(points, frame.shape[:2])
    for seed in range(4):
        picture, protected, shift, gain, background = change_face(
            frame, points, 1.0, seed
        )
        assert protected[inside].all()
        assert not shift[inside].any()
        assert not background[inside].any()
        expected = np.clip(np.rint(frame * gain), 0, 255)
        np.testing.assert_array_equal(picture[inside], expected[inside])
        # The light changes evenly: no edge that could be taken for a wrinkle.
        for axis in (0, 1):
            assert np.abs(np.diff(gain, axis=axis)).max() < 0.02
        jaw = shift[tuple(np.rint(points[:17]).astype(int).T[::-1])]
        assert np.hypot(*jaw.T).max() > 0.5  # pixels
        assert np.abs(gain - 1).max() > 0.02


def test_shape_alone_leaves_the_inside_untouched(monkeypatch):
    frame, points = textured()
    monkeypatch.setattr(
        "keras_pain.augment.geometric._light",
        lambda face, *_: np.ones((*face.shape[:2], 3), np.float32),
    )
    picture = change_face(frame, points, 1.0, 0)[0]
    inside = hull(points, frame.shape[:2])
    np.testing.assert_array_equal(picture[inside], frame[inside])
    assert (picture != frame).mean() > 0.2


def test_nothing_folds_over_and_seeds_decide():
    frame, points = textured()
    one, same, other = (change_face(frame, points, 1, s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one[0], same[0])
    assert (one[0] != other[0]).mean() > 0.5
    for _, _, shift, *_ in (one, other):
        assert (np.diff(np.arange(160) + shift[..., 0], axis=1) > 0).all()
    still = change_face(frame, points, 0.0, 1)[0]
    np.testing.assert_array_equal(still, frame)
    with pytest.raises(ConfigurationError, match="from 0 to 1"):
        GeometricGenerator(1.5)


# Real photographs


@pytest.fixture(scope="module")
def photographs(open_data, tmp_path_factory):
    """Three people of the London set, smiling, one grey and one in CMYK."""
    london = open_data / "faces_london" / "smiling"
    if not london.is_dir():
        pytest.skip(f"no photographs at {london}")
    folder = tmp_path_factory.mktemp("photographs")
    rows = ["file,subject,clip,frame,pspi"]
    for path, mode in zip(
        sorted(london.glob("*.jpg")), ("RGB", "L", "CMYK"), strict=False
    ):
        small = Image.open(path).resize((224, 224)).convert(mode)
        small.save(folder / path.name)
        rows.append(f"{path.name},{path.name[:3]},smiling,{len(rows)},0")
    # A picture without a face is passed over.
    Image.new("RGB", (224, 224), "grey").save(folder / "wall.png")
    rows.append("wall.png,none,wall,0,0")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


def test_real_faces_through_the_geometric_command(
    photographs, tmp_path, capsys
):
    out = tmp_path / "generated"
    argv = ("--input", photographs, "--output", out, "--generator=geometric")
    code, printed, errors = command(capsys, *argv)
    assert code == 0 and not errors
    assert "3 good pictures, 0 rejected; 3 made now" in printed
    assert "passed over, no landmarks were found: 1: wall" in printed
    assert "noted, grey" in printed and "noted, in CMYK" in printed
    assert "schematic face put on five points" in printed
    generated = training.load_generated(out)
    assert {g.method for g in generated} == {"geometric"}
    assert [g.subject for g in generated] == ["001", "002", "003"]
    for line in read_lines(out / "manifest.jsonl")[0]:
        assert line["iou"] > 0.7
        source = cv2.imread(photographs / f"{line['source']}.jpg")
        picture = cv2.imread(out / line["file"])
        assert source.shape == picture.shape
        assert np.abs(picture.astype(int) - source).mean() > 3
    # Nothing of it is called after the generative method.
    for path in out.rglob("*"):
        assert "gsff" not in path.name.lower()
        if path.suffix in (".json", ".jsonl"):
            assert "gsff" not in path.read_text().lower()
    width, height = Image.open(out / "contact_sheet.png").size
    assert width > 600 and height > 200
    _, printed, _ = command(capsys, *argv)
    assert "0 made now, 3 were there" in printed


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    import torch
    from tiny_diffusion import save_tiny_pipeline

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would only wait for each other
    yield save_tiny_pipeline(tmp_path_factory.mktemp("models") / "tiny")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny(tiny_model):
    from keras_pain.augment.diffusion import DiffusersGenerator

    return DiffusersGenerator(tiny_model, size=64, steps=2)


@needs_diffusers
def test_diffusion_from_prompts_depth_and_seeds(tiny, tmp_path, monkeypatch):
    parts = PictureRun(fake.NoPoints(), tiny, AnyFace(), min_iou=0.0)
    summary = run(tmp_path, parts, name="two", batch=2, count=3)
    assert summary["good"] == 3
    lines, _ = read_lines(tmp_path / "two" / "manifest.jsonl")
    line = lines[0]
    assert line["method"] == "gsff" and line["parameters"]["steps"] == 2
    assert len(line["parameters"]["model_sha256"]) == 64
    assert {"torch", "diffusers", "transformers"} <= set(line["versions"])
    prompt = line["prompt"]
    assert prompt["exact"] and prompt["tokens"] <= 77 and prompt["left_out"]
    assert prompt["text"].startswith(augment.PERSON)

    def made(name, **options):
        run(tmp_path, parts, name=name, count=1, **options)
        return cv2.imread(tmp_path / name / "images/clip0/000_00.png")

    # The same whatever the batch, but for rounding; another from another seed.
    two = cv2.imread(tmp_path / "two" / line["file"])
    assert two.shape == (96, 96, 3)
    rounding = np.abs(made("one", batch=1).astype(int) - two)
    assert rounding.max() <= 2
    assert np.abs(made("seed", seed=1).astype(int) - two).mean() > 1
    monkeypatch.setattr(tiny, "depth", diffusion.Depth("none"))
    plane = made("plane")
    assert plane.std() > 1  # no NaN, which would come out black
    assert np.abs(plane.astype(int) - two).mean() > 10 * rounding.mean()


class AnyFace(fake.RedDetector):
    """Takes everything for the red square."""

    def detect(self, frames):
        return super().detect([fake.red_square()] * len(frames))


@needs_diffusers
def test_real_faces_through_a_random_diffusion_model(
    tiny, photographs, tmp_path
):
    listed = frames.find_sources(photographs)
    parts = PictureRun(
        fake.BoxPoints(),
        tiny,
        FaceDetector(),
        prompts=PromptBuilder("as_coded", "a man", "skin"),
        same_seed=True,
    )
    out = tmp_path / "generated"
    summary = generate(listed, out, parts)
    # What a random network paints is no face, and the check sees that.
    assert summary["good"] == 0
    assert [r for *_, r in summary["rejected"]] == ["no_face"] * 3
    lines, _ = read_lines(out / "manifest.jsonl")
    assert {line["seed"] for line in lines} == {42}
    assert all(0 < line["prompt"]["points"] < 5 for line in lines)
    assert contact_sheet(out, listed).is_file()


@needs_diffusers
def test_a_damaged_model_is_one_line(tiny_model, tmp_path):
    from keras_pain.augment.diffusion import DiffusersGenerator

    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (path,) = (broken / "unet").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadFileError, match="diffusers cannot load it"):
        DiffusersGenerator(broken)
    shutil.rmtree(broken / "unet")
    with pytest.raises(BadFileError, match="no weights of the unet"):
        DiffusersGenerator(broken)
    for options, words in (
        ({"strength": 0.1, "steps": 5}, "strength must be"),
        ({"size": 100}, "multiple of 64"),
        ({"negative_prompt": "blurred, " * 60}, "which the model reads 77"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            DiffusersGenerator(tiny_model, **options)
