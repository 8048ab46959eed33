"""GSFF: prompts, landmarks, runs, bad input, and the way into training."""

import dataclasses
import hashlib
import json
import shutil
import sys

import cv2
import gsff_fakes as fake
import numpy as np
import pytest
from fake_faces import fake_store
from gsff_fakes import command, count_tokens, run
from PIL import Image

from keras_pain import augment
from keras_pain.augment import diffusion, prompts, training
from keras_pain.augment import sources as frames
from keras_pain.augment.prompts import PromptBuilder
from keras_pain.augment.run import (
    contact_sheet,
    generate,
    image_seed,
    iou,
    read_lines,
)
from keras_pain.data.clips import cut_clips
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.signals import landmarks
from keras_pain.signals.landmarks import front_face

LIDS, INNER_LIPS = {37: 41, 38: 40, 43: 47, 44: 46}, {61: 67, 62: 66, 63: 65}


def changed_face(lids=1.0, lips=1.0, brows=0.0, degrees=0.0):
    """Landmarks with lids and lips so far apart, brows so much lower."""
    face = front_face()
    for pairs, share in ((LIDS, lids), (INNER_LIPS, lips)):
        for up, down in pairs.items():
            middle = (face[up] + face[down]) / 2
            face[[up, down]] = middle + share * (face[[up, down]] - middle)
    face[prompts.BROWS, 1] += brows
    angle = np.radians(degrees)
    turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return face @ turn * 40 + 100


# Prompts


def prompt_of(face, *settings, count=count_tokens, **options):
    builder = PromptBuilder(*settings)
    return builder.build(face, (200, 400), count=count, **options)


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"lids": 0.1}, "eyes closed"),
        ({"lids": 0.7}, "eyes narrowed"),
        ({"lids": 2.5}, "eyes wide open"),
        ({"lips": 0.0}, "mouth closed"),
        ({"lips": 2.0}, "mouth open"),
        ({"brows": 0.12}, "brows lowered"),
        ({"brows": -0.12}, "brows raised"),
        ({"degrees": 12}, "head tilted right"),
        ({"degrees": -12}, "head tilted left"),
    ],
)
def test_words_follow_the_face(change, phrase):
    prompt = prompt_of(changed_face(**change))
    assert phrase in prompt["text"].split(", ")
    assert prompt["text"].startswith(augment.PERSON)
    assert prompt["tokens"] <= 77 and not prompt["left_out"]


def test_words_do_not_depend_on_place_size_or_mirror():
    face = changed_face(degrees=3)
    one = prompts.measure(face)
    two = prompts.measure(face * 2.5 - 30)
    assert one == pytest.approx(two, abs=1e-5)
    assert set(prompts.WORDS) == set(one)


def test_a_long_prompt_leaves_out_the_least_important_words():
    prompt = prompt_of(changed_face(), "words", "a b c d e " * 12)
    assert prompt["tokens"] <= 77
    assert "eyes" in prompt["text"] and "skin texture" in prompt["left_out"]
    # A tokenizer that counts letters leaves room for less.
    by_letter = prompt_of(changed_face(), count=len)
    assert by_letter["left_out"]
    assert len(by_letter["text"]) == by_letter["tokens"] <= 77
    with pytest.raises(ConfigurationError, match="of the 77"):
        prompt_of(changed_face(), "words", "a " * 80)


def test_a_schematic_face_says_only_where_the_head_is():
    prompt = prompt_of(changed_face(), measured=False)
    assert set(prompt["measures"]) == set(prompts.OF_THE_HEAD)
    assert "eyes" not in prompt["text"] and "camera" in prompt["text"]


def test_as_coded_lists_all_points_of_which_three_survive():
    face = changed_face()
    prompt = prompt_of(face, "as_coded")
    text, _, pairs = prompt["text"].partition(", [")
    assert text == f"{augment.PROMPT}, {augment.ANATOMY}"
    values = [float(v.strip("()] ")) for v in pairs.split(",")]
    values = np.reshape(values, (68, 2))
    np.testing.assert_allclose(values, face / (400, 200), atol=6e-4)
    assert prompt["points"] == 3 and prompt["tokens"] > 900
    with pytest.raises(ConfigurationError, match="words, as_coded"):
        PromptBuilder("numbers")


# Landmarks, depth


def test_stored_points_are_read_by_name(tmp_path):
    inner = [60, 64]
    kept = np.delete(np.arange(68), inner)
    path = fake.points_csv(
        tmp_path / "points.csv", ["a/1.jpg"], fake.POINTS[kept].round(3)
    )
    header, row = path.read_text().split("\n")
    path.write_text(f"{header}\n{row}\na/2.jpg{',' * 132}")
    stored = frames.open_landmarks(f"csv:{path}")
    (points,) = stored.clip([None], name="a/1")
    np.testing.assert_allclose(points[kept], fake.POINTS[kept], atol=1e-3)
    np.testing.assert_allclose(points[inner], fake.POINTS[inner], atol=1.0)
    for name in ("a/2", "b/1"):
        assert np.isnan(stored.clip([None], name=name)).all()
    shutil.copy(path, tmp_path / "landmarks.csv")
    default = frames.open_landmarks(None, tmp_path)
    assert isinstance(default, frames.StoredPoints)
    for text, words in (
        ("file,x0,y0\na,1,2\n", "no line of columns"),
        (f"{header}\na/1.jpg,1,2\n", "line 2 has no 66 points"),
        (f"{header}\n\n\na/1.jpg,1,2\n", "line 4 has no 66 points"),
    ):
        path.write_text(text)
        with pytest.raises(BadFileError, match=words):
            frames.open_landmarks(f"csv:{path}")
    with pytest.raises(ConfigurationError, match="mtcnn"):
        frames.open_landmarks("magic:x")


def test_depth_sources(tmp_path):
    assert diffusion.Depth("pipeline").maps(["a"], (8, 8)) is None
    plane = diffusion.Depth("none").maps(["a", "b"], (8, 8))
    # Without a range, the pipeline's normalisation would make NaN of it.
    assert plane.shape == (2, 8, 8) and (np.ptp(plane, axis=(1, 2)) > 0).all()
    assert np.count_nonzero(plane) == 2
    np.save(tmp_path / "a.npy", np.tile(np.arange(16.0), (16, 1)))
    np.save(tmp_path / "flat.npy", np.ones((16, 16)))
    stored = diffusion.Depth(f"npy:{tmp_path}")
    assert (np.diff(stored.maps(["a"], (4, 8))[0], axis=1) > 0).all()
    for name, words in (("flat", "the same depth"), ("gone", "cannot be read")):
        with pytest.raises(BadFileError, match=words):
            stored.maps([name], (4, 4))
    with pytest.raises(ConfigurationError, match="pipeline, none or npy"):
        diffusion.Depth("midas")


# Runs


def test_every_picture_carries_its_provenance(tmp_path):
    summary = run(tmp_path, copies=2, batch=4)
    assert (summary["made"], summary["kept"], summary["good"]) == (6, 0, 6)
    lines, _ = read_lines(tmp_path / "out" / "manifest.jsonl")
    assert len(lines) == 6
    line = lines[3]
    assert (line["source"], line["copy"]) == ("clip1/001", 1)
    assert (line["subject"], line["pspi"]) == ("s1", 1.0)
    assert line["seed"] == image_seed(42, "clip1/001", 1)
    assert line["parameters"] == {"generator": "roll", "pixels": 0}
    assert {"keras_pain", "numpy", "pillow", "opencv"} == set(line["versions"])
    assert len(line["source_sha256"]) == len(line["sha256"]) == 64
    assert len({entry["seed"] for entry in lines}) == 6
    picture = cv2.imread(tmp_path / "out" / line["file"])[..., ::-1]
    np.testing.assert_array_equal(picture, fake.red_square(1))


def test_same_seed_starts_all_from_it(tmp_path):
    roll = fake.Roll()
    run(tmp_path, fake.parts(roll), same_seed=True)
    assert roll.seeds == [42, 42, 42]
    with pytest.raises(ConfigurationError, match="are equal"):
        fake.parts(same_seed=True, copies=2)


def test_a_killed_run_goes_on(tmp_path):
    out = tmp_path / "out"
    run(tmp_path)
    (out / "images" / "clip1" / "001_00.png").unlink()
    with open(out / "manifest.jsonl", "a") as stream:
        stream.write('{"source": "clip9", "copy')  # killed while writing
    before = (out / "images" / "clip0" / "000_00.png").stat().st_mtime_ns
    summary = run(tmp_path, copies=2)
    assert (summary["made"], summary["kept"], summary["good"]) == (4, 2, 6)
    assert before == (out / "images/clip0/000_00.png").stat().st_mtime_ns
    assert len(training.load_generated(out)) == 6
    assert run(tmp_path, copies=2)["made"] == 0
    assert not list(out.rglob("*.tmp"))


def changed_sources(**changes):
    return [dataclasses.replace(s, **changes) for s in fake.sources()]


def test_output_of_another_run_is_refused(tmp_path):
    run(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    roll = fake.parts(fake.Roll(5))
    for options, words in (
        ({"seed": 7}, "seed: 42 -> 7"),
        ({"using": roll}, "generator.pixels: 0 -> 5"),
        ({"simulated": True}, "simulated"),
        ({"name": "mine"}, "holds other files"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            run(tmp_path, **options)
    for changes, words in (
        ({"pspi": 9.0}, "another label"),
        ({"points": fake.POINTS + 1}, "another set of landmarks"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            generate(changed_sources(**changes), tmp_path / "out", fake.parts())


def test_a_run_knows_which_files_its_landmarks_and_depth_are_from(tmp_path):
    bare = changed_sources(points=None)
    made, described = [], []
    for name, shift in (("a", 0), ("b", 1), ("copy of a", 0)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", np.eye(4) + shift)
        described.append(diffusion.Depth(f"npy:{tmp_path / name}").described)
        path = tmp_path / f"{name}.csv"
        fake.points_csv(path, [s.name for s in bare], fake.POINTS + shift)
        made.append(fake.parts(landmarks=frames.open_landmarks(f"csv:{path}")))
    out = tmp_path / "out"
    generate(bare[:1], out, made[0])
    with pytest.raises(ConfigurationError, match="landmarks.sha256"):
        generate(bare, out, made[1])
    summary = generate(bare, out, made[2])  # another name, the same points
    assert (summary["made"], summary["kept"]) == (2, 1)
    line = read_lines(out / "manifest.jsonl")[0][0]
    assert line["landmarks"]["kind"] == "StoredPoints"
    assert len(line["landmarks"]["sha256"]) == len(line["points_sha256"]) == 64
    assert described[0] == described[2] != described[1]


@pytest.mark.parametrize(
    ("pixels", "min_iou", "reason"),
    [(40, 0.5, "face_moved"), (96, 0.0, "no_face"), (40, 0.1, "")],
)
def test_the_check_rejects_lost_and_moved_faces(
    tmp_path, pixels, min_iou, reason
):
    parts = fake.parts(fake.Roll(pixels), min_iou=min_iou)
    summary = run(tmp_path, parts)
    assert summary["good"] == (0 if reason else 3)
    assert [r for *_, r in summary["rejected"]] == (
        [reason] * 3 if reason else []
    )
    stored = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(stored["rejected"]) == len(summary["rejected"])
    if reason:
        assert not (tmp_path / "out" / "images").exists()
        with pytest.raises(BadFileError, match="no good picture"):
            training.load_generated(tmp_path / "out")
        assert run(tmp_path, parts)["made"] == 0  # rejects are not redone


def test_overlap_of_boxes():
    box = np.array([0.0, 0, 10, 10])
    assert iou(box, box) == 1
    assert iou(box, box + 5) == pytest.approx(25 / 175)
    assert iou(box, box + 20) == 0
    with pytest.raises(ConfigurationError, match="min_iou"):
        fake.parts(min_iou=2)


def test_frames_that_cannot_be_used_are_listed(tmp_path):
    good, lost, broken = fake.sources()
    lost = dataclasses.replace(lost, points=None)
    broken = dataclasses.replace(broken, read=lambda: b"no picture")
    out = tmp_path / "out"
    summary = generate([good, lost, broken], out, fake.parts())
    assert summary["good"] == 1
    assert summary["skipped"] == [
        ("clip1/001", "no landmarks were found"),
        ("clip2/002", "is no picture that can be decoded"),
    ]
    with pytest.raises(BadFileError, match="no landmarks were found"):
        generate([lost], out, fake.parts(skip_bad=False))
    with pytest.raises(KerasPainError, match="none of 1 frames can be used"):
        generate([lost], tmp_path / "none", fake.parts())
    with pytest.raises(ConfigurationError, match="two frames are called"):
        generate([good, good], out, fake.parts())


def test_simulated_frames_say_so_everywhere(tmp_path):
    run(tmp_path, simulated=True)
    out = tmp_path / "out"
    assert (out / "images_SIMULATED").is_dir() and not (out / "images").exists()
    path = contact_sheet(out, fake.sources())
    assert path.name == "contact_sheet_SIMULATED.png"
    made = training.load_generated(out)
    assert all(g.simulated for g in made)
    # A copied picture, line or summary can be told.
    assert {g.path.name for g in made} == {
        f"00{i}_00_SIMULATED.png" for i in range(3)
    }
    lines, _ = read_lines(out / "manifest.jsonl")
    assert all(line["simulated"] for line in lines)
    assert json.loads((out / "summary.json").read_text())["simulated"]


def test_a_damaged_folder_is_refused_in_a_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="is a file"):
        run(tmp_path, name="file")
    run(tmp_path)
    record = tmp_path / "out" / "run.json"
    manifest = tmp_path / "out" / "manifest.jsonl"
    told = json.loads(record.read_text())
    first = json.loads(manifest.read_text().split("\n")[0])
    for text in (
        "[" * 100_000,
        json.dumps(told | {"settings": "x"}),
        json.dumps({k: v for k, v in told.items() if k != "simulated"}),
    ):
        record.write_text(text)
        with pytest.raises(BadFileError, match="is not of this command") as e:
            run(tmp_path)
        assert "\n" not in str(e.value)
    record.write_text(json.dumps(told))
    before = manifest.read_text()
    for change in ({"copy": "0"}, {"file": "../x.png"}, {"notes": None}):
        manifest.write_text(before + json.dumps(first | change) + "\n")
        with pytest.raises(BadFileError, match="line 4 is damaged"):
            run(tmp_path)
        with pytest.raises(BadFileError, match="line 4 is damaged"):
            training.load_generated(tmp_path / "out")


def test_settings_are_compared_as_they_are_read_back(tmp_path):
    roll = fake.Roll()
    roll.parameters["size"] = (1, 2)  # JSON makes a list of it
    for made in (1, 0):
        assert run(tmp_path, fake.parts(roll), count=1)["made"] == made


@pytest.mark.parametrize(
    "kind, name",
    [("csv", "CSVFolder"), ("tflite", "TFLiteFaceMesh"),
     ("dlib", "DlibPredictor")],
)  # fmt: skip
def test_a_run_names_its_source_of_landmarks(tmp_path, monkeypatch, kind, name):
    # As runs of older versions did, so that they are gone on with.
    monkeypatch.setitem(
        landmarks._SOURCES, kind, ("it", lambda path: lambda *_: fake.POINTS)
    )
    path = tmp_path / "points"
    path.write_bytes(b"a model, or points")
    source = landmarks.LandmarkSource(f"{kind}:{path}")
    generate(
        changed_sources(points=None), tmp_path / "out", fake.parts(None, source)
    )
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert told["settings"]["landmarks"] == {"kind": name, "sha256": digest}


# Training


def test_generated_frames_keep_their_frame_and_label(tmp_path):
    run(tmp_path, count=6)
    generated = training.load_generated(tmp_path / "out")
    assert [g.frame_id for g in generated][:2] == ["clip0:0", "clip1:1"]
    assert [g.pspi for g in generated] == [0, 1, 2, 3, 4, 5]


def test_pictures_without_label_or_file_are_no_training_data(tmp_path):
    generate(changed_sources(pspi=None), tmp_path / "bare", fake.parts())
    with pytest.raises(BadFileError, match="no label or subject"):
        training.load_generated(tmp_path / "bare")
    run(tmp_path)
    (tmp_path / "out" / "images" / "clip1" / "001_00.png").unlink()
    with pytest.raises(BadFileError, match="is gone"):
        training.load_generated(tmp_path / "out")
    with pytest.raises(ConfigurationError, match="no run.json"):
        training.load_generated(tmp_path)


def test_frames_of_a_dataset_are_sources(tmp_path):
    store = fake_store(people=2, clips=1, frames=4, size=96)
    clips = cut_clips(store, label="pspi", level="frame", size=96)
    found = list(frames.from_clips(clips))
    assert [s.frame_id for s in found] == clips.window_id.tolist()
    assert [s.subject for s in found] == clips.person.tolist()
    assert [s.pspi for s in found] == pytest.approx(clips.y.tolist())
    assert found[1].name == "s0c0/000001"
    pixels = frames.decode(found[1].read(), "x")[0]
    assert pixels.shape == (96, 96, 3) and found[0].read() != found[1].read()
    with pytest.raises(ConfigurationError, match="level of frames"):
        list(frames.from_clips(cut_clips(store, label="vas")))


# Bad input


@pytest.mark.parametrize(
    ("mode", "note"),
    [("L", "grey"), ("CMYK", "CMYK"), ("P", "palette"), ("RGB", "")],
)
def test_other_colours_are_converted_with_a_note(tmp_path, mode, note):
    path = tmp_path / ("a.png" if mode == "P" else "a.jpg")
    Image.fromarray(fake.red_square()).convert(mode).save(path, quality=95)
    pixels, notes = frames.decode(path.read_bytes(), "a")
    assert pixels.shape == (96, 96, 3)
    assert note in " ".join(notes) and bool(note) == bool(notes)
    if mode != "L":
        middle = pixels[50, 50].astype(int)
        assert np.abs(middle - (220, 30, 30)).max() < 40


def test_pictures_that_cannot_be_used_are_refused(tmp_path):
    Image.fromarray(np.zeros((96, 96), np.uint16)).save(tmp_path / "deep.png")
    cv2.imwrite(tmp_path / "small.png", fake.red_square()[:, :40])
    cv2.imwrite(tmp_path / "cut.png", fake.red_square())
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name, words in (
        ("deep", "of the kind I;16"),
        ("small", r"too small \(40x96 pixels\)"),
        ("cut", "is cut off"),
    ):
        with pytest.raises(BadFileError, match=words):
            frames.decode((tmp_path / f"{name}.png").read_bytes(), name)


@pytest.fixture
def faces(tmp_path):
    """A folder of three pictures with labels and frames."""
    folder = tmp_path / "faces"
    folder.mkdir()
    labels = ["file,subject,clip,frame,pspi"]
    for i in range(3):
        cv2.imwrite(folder / f"{i}.png", fake.red_square(i)[..., ::-1])
        labels.append(f"{i}.png,s{i},c{i},{i},{i}")
    (folder / "labels.csv").write_text("\n".join(labels))
    fake.points_csv(folder / "landmarks.csv", ["0.png", "1.png", "2.png"])
    return folder


@pytest.mark.parametrize("value", ["17", "-1", "nan", "much", ""])
def test_a_pspi_outside_of_0_to_16_is_refused(faces, value):
    assert [s.pspi for s in frames.find_sources(faces)] == [0, 1, 2]
    text = f"file,subject,clip,frame,pspi\n1.png,s,c,0,{value}\n"
    (faces / "labels.csv").write_text(text)
    with pytest.raises(ConfigurationError, match="line 2: PSPI must be"):
        frames.find_sources(faces)


def test_bad_labels_and_folders(faces, tmp_path):
    head = "file,subject,clip,frame,pspi"
    for text, words in (
        ("file,pspi\n0.png,0", "lacks clip, frame, subject"),
        (f"{head}\n../0.png,s,c,0,0", "no file below"),
        (f"{head}\n", "no pictures"),
    ):
        (faces / "labels.csv").write_text(text)
        with pytest.raises(BadFileError, match=words):
            frames.find_sources(faces)
    (faces / "labels.csv").unlink()
    shutil.copy(faces / "0.png", faces / "0.jpg")
    with pytest.raises(ConfigurationError, match="called 0 but for"):
        frames.find_sources(faces)
    with pytest.raises(BadFileError, match="is no folder"):
        frames.find_sources(tmp_path / "nowhere")


def test_unlabelled_pictures_are_said_and_raw_corpora_refused(
    faces, tmp_path, capsys, monkeypatch
):
    still = tmp_path / "Pictures/Modified/S001/Neutral/Colour frames/1.png"
    still.parent.mkdir(parents=True)
    shutil.copy(faces / "0.png", still)
    argv = ("--generator=geometric", "--output", tmp_path.parent / "out")
    code, _, errors = command(capsys, "--input", tmp_path, *argv)
    assert code == 1 and len(errors) == 1
    assert "looks like the raw files of the corpus pemf" in errors[0]
    assert not (tmp_path.parent / "out").exists()
    # With labels, the listed ones are taken from it as from any folder.
    labels = tmp_path / "mine.csv"
    place = still.relative_to(tmp_path)
    labels.write_text(f"file,subject,clip,frame,pspi\n{place},s,c,0,3\n")
    assert [s.pspi for s in frames.find_sources(tmp_path, labels)] == [3]
    monkeypatch.setattr(
        "keras_pain.signals.faces.FaceDetector", fake.RedDetector
    )
    (faces / "labels.csv").unlink()
    argv = ("--generator=geometric", "--output", tmp_path / "out")
    code, printed, errors = command(capsys, "--input", faces, *argv)
    assert code == 0 and "3 good pictures" in printed
    assert len(errors) == 1 and "into no training fold" in errors[0]


def model_folder(folder, kind=diffusion.CLASS_NAME, content=b"weights"):
    """What looks like a model from outside."""
    for part in ("unet", "vae", "text_encoder", "depth_estimator"):
        (folder / part).mkdir(parents=True)
        if content is not None:
            (folder / part / "model.safetensors").write_bytes(content)
    index = {"_class_name": kind, "unet": ["diffusers", "UNet"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def test_a_folder_that_is_no_model_is_one_line(tmp_path):
    lfs = b"version https://git-lfs.github.com/spec/v1\nsize 3"
    for name in ("empty", "a", "b", "c", "d"):
        (tmp_path / name).mkdir()
    model_folder(tmp_path / "a", content=None)
    model_folder(tmp_path / "b", "StableDiffusionPipeline")
    model_folder(tmp_path / "c", content=lfs)
    for name, words in (
        ("nowhere", "is no folder"),
        ("empty", "holds no model_index.json"),
        ("a", "no weights of the unet"),
        ("b", "is a Stable"),
        ("c", "pointer of Git LFS"),
    ):
        with pytest.raises(BadFileError, match=words):
            diffusion.model_hash(tmp_path / name)
    variant = model_folder(tmp_path / "d") / "unet"
    (variant / "model.fp16.safetensors").write_bytes(b"half")
    (whole,) = diffusion.weight_files(variant)
    assert whole.name == "model.safetensors"
    before = diffusion.model_hash(tmp_path / "d")
    whole.write_bytes(b"others")
    assert diffusion.model_hash(tmp_path / "d") != before


def test_without_the_extra_one_line_says_what_to_install(
    faces, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    model = f"--generator=diffusers:{model_folder(tmp_path / 'model')}"
    argv = ("--input", faces, "--output", tmp_path / "out", model)
    code, _, errors = command(capsys, *argv)
    assert code == 1 and len(errors) == 1
    assert "pip install 'keras-pain[gsff]'" in errors[0]
    assert not (tmp_path / "out").exists()


def test_the_command_says_in_one_line_what_is_wrong(faces, tmp_path, capsys):
    geometric, out = "--generator=geometric", tmp_path / "out"
    for output, flags, words in (
        (out, ["--generator=magic"], "diffusers:FOLDER"),
        (out, [geometric, "--strength=2"], "from 0 to 1"),
        (out, [geometric, "--landmarks=csv:gone.csv"], "gone.csv"),
        (out, [geometric, "--copies=0"], "at least 1"),
        (faces / "out", [geometric], "inside of --input"),
    ):
        argv = ("--input", faces, "--output", output, *flags)
        code, _, errors = command(capsys, *argv)
        assert code == 1 and len(errors) == 1 and words in errors[0]
