"""Faces of real people in open recordings: found, fast, and in place."""

import os
import pathlib

import cv2
import numpy as np
import pytest
from scripts import load_script, run_script

from keras_pain.signals.faces import FaceDetector, choose_track, face_clip

_FRAMES = 12  # of each clip; benchmarks/speed_faces.py takes them all


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def clips(open_data):
    folder = open_data / "faces_grid"
    if not folder.is_dir():
        pytest.skip(f"no videos of speakers at {folder}")
    return {
        path.stem: frames_of(path)[30 : 30 + _FRAMES]
        for path in sorted(folder.glob("*.mpg"))
    }


def frames_of(path: pathlib.Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        success, frame = capture.read()
        if not success:
            return frames
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def test_every_real_frame_has_its_face_and_it_stays_in_the_middle(
    clips, detector
):
    assert len(clips) >= 5
    for frames in clips.values():
        clip = face_clip(frames, detector, size=64)
        assert clip.found.all() and clip.others == 0 and not clip.findings
        # Nobody moves by more than a pixel or two between frames.
        assert np.abs(np.diff(clip.boxes, axis=0)).max() < 3


def test_real_boxes_are_those_of_full_size_and_four_times_as_fast(
    clips, detector
):
    from mtcnn import MTCNN

    mtcnn, compare = MTCNN(), load_script("speed_faces", "benchmarks").compare
    results = [compare(frames, detector, mtcnn) for frames in clips.values()]
    # 6 to 13 were measured, on an idle and on a busy machine.
    assert np.median([result.ratio for result in results]) >= 4
    cut = np.concatenate([result.cut for result in results])
    raw = np.concatenate([result.raw for result in results])
    assert np.median(cut) < 1.5 and np.mean(cut <= 3) >= 0.98, cut.max()
    # The detector's own boxes jump now and then, at full size as well.
    assert np.median(raw) < 2 and np.mean(raw <= 3) >= 0.85


def test_all_real_photographs_show_one_face(open_data, detector):
    folder = open_data / "faces_london"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    pictures = [
        cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        for path in sorted(folder.glob("*/*.jpg"))
    ]
    assert len(pictures) == 48
    found = detector.detect(pictures)
    tracks = [choose_track([boxes]) for boxes in found]
    assert sum(track.found.all() for track in tracks) == 48
    for picture, track in zip(pictures, tracks, strict=True):
        x0, y0, x1, y1 = track.boxes[0] / picture.shape[1]
        assert x0 < 0.5 < x1 and 0.2 < x1 - x0 < 0.8
        assert track.others == 0 and y0 < 0.5 < y1


def speed_faces(*flags):
    place = {"cwd": os.getcwd(), "folder": "benchmarks", "check": False}
    return run_script("speed_faces", *flags, **place)


def test_speed_script_on_a_real_video(open_data, clips, tmp_path):
    done = speed_faces(
        f"--data_dir={open_data / 'faces_grid'}",
        *("--videos=1", "--frames=3", "--repeats=1"),
        f"--figure={tmp_path / 'crops.png'}",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert next(iter(clips)) in done.stdout and "100 %" in done.stdout
    assert cv2.imread(str(tmp_path / "crops.png")) is not None


def test_speed_script_says_that_there_is_no_video(tmp_path):
    done = speed_faces(f"--data_dir={tmp_path}")
    assert done.returncode == 1 and "no video" in done.stderr
    assert "Traceback" not in done.stderr
