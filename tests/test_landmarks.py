"""The 68 points: numbering, graph, sources, gaps, normalisation."""

import os
import sys
import types

import networkx
import numpy as np
import pytest
from scipy.spatial import Delaunay

from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.signals import face_graph, landmarks
from keras_pain.signals.face_graph import adjacency, edges
from keras_pain.signals.landmarks import (
    MIRROR,
    PARTS,
    LandmarkSource,
    front_face,
    landmark_clip,
)

RING = [*range(17), 26, 25, 24, 23, 20, 19, 18, 17]


def _pair(a, b):
    return min(a, b), max(a, b)


# --- Points ---


def test_mirror_map():
    assert [MIRROR[i] for i in MIRROR] == list(range(68))
    for part, points in PARTS.items():
        other = part.replace("left", "x").replace("right", "left")
        other = PARTS[other.replace("x", "right")]
        assert {MIRROR[i] for i in points} == set(other)
    # The outer corner of one eye is that of the other, above stays above.
    assert [MIRROR[i] for i in (36, 37, 39, 41)] == [45, 44, 42, 46]
    lips = {48: 54, 49: 53, 59: 55, 60: 64, 61: 63, 67: 65}
    assert {i: MIRROR[i] for i in lips} == lips


# --- Graph ---


def test_corrected_graph():
    graph = networkx.Graph(edges())
    assert (len(graph), graph.number_of_edges()) == (68, 174)
    assert networkx.check_planarity(graph)[0]
    mirrored = {_pair(MIRROR[a], MIRROR[b]) for a, b in edges()}
    assert edges() - mirrored == {face_graph.BROW_DIAGONAL}
    ring = {_pair(a, b) for a, b in zip(RING, np.roll(RING, -1), strict=True)}
    assert ring <= edges()
    degrees = adjacency().sum(axis=1)  # itself included
    assert (degrees.min(), degrees.max()) == (4, 10)
    assert degrees.mean() == pytest.approx(6.12, abs=0.005)
    # Euler: 68 - 174 + faces = 2; all inner faces but two are triangles.
    assert 2 * 174 == 3 * (174 - 68 + 2 - 1 - 2) + 2 * 4 + len(RING)


def test_corrected_graph_is_the_delaunay_triangulation_of_a_face():
    expected = {
        _pair(int(t[i]), int(t[i - 1]))
        for t in Delaunay(front_face()).simplices
        for i in range(3)
    }
    outside = {e for e in expected if set(e) <= {19, 20, 23, 24}}
    outside -= {(19, 20), (20, 23), (23, 24)}
    assert len(outside) == 2  # where the brows' ring is not convex
    expected -= outside | {(29, 31), (29, 35), (20, 22), (21, 23)}
    assert edges() - {face_graph.BROW_DIAGONAL} == expected


def test_graph_as_coded():
    coded, right = edges("as_coded"), edges()
    assert len(coded) == 174
    # Undone, the shift leaves exactly the three misspellings.
    back = {_pair((a + 1) % 68, (b + 1) % 68) for a, b in coded}
    assert right - back == {(13, 35), (31, 49), (59, 60)}
    assert back - right == {(12, 35), (30, 49), (40, 59)}
    assert not networkx.check_planarity(networkx.Graph(coded))[0]
    assert (0, 67) in coded  # point 1's neighbour 0 wraps to 67


def test_adjacency_and_means():
    one, two = adjacency(), adjacency(hops=2)
    assert (one == one.T).all() and one.diagonal().all()
    lengths = dict(
        networkx.all_pairs_shortest_path_length(networkx.Graph(edges()))
    )
    for a in range(68):
        for b in range(68):
            assert one[a, b] == (lengths[a][b] <= 1)
            assert two[a, b] == (lengths[a][b] <= 2)
    x = np.random.default_rng(0).normal(size=68)
    for hops, near in ((1, one), (2, two)):
        mean = face_graph.mean_weights(hops=hops) @ x
        assert mean[30] == pytest.approx(x[near[30]].mean(), abs=1e-6)
    with pytest.raises(ConfigurationError, match="'line'"):
        edges("line")
    with pytest.raises(ConfigurationError, match="hops"):
        adjacency(hops=0)


# --- Text files ---


def _clip(frames=20):
    drift = np.arange(frames, dtype=np.float32)[:, None, None]
    return 100 * front_face() + 300 + drift


def test_csv_files_are_read_back(tmp_path):
    path = tmp_path / "S001N.csv"
    path.write_text(landmarks.csv_text(_clip()))
    np.testing.assert_allclose(landmarks.read_csv(path), _clip(), atol=0.006)
    assert path.read_text().startswith('"(190, 310)"')
    source = LandmarkSource(f"csv:{tmp_path}")
    clip = landmark_clip(source, [None] * 20, name="S001N")
    np.testing.assert_allclose(clip.points, _clip(), atol=0.006)
    assert clip.found.all()
    # With a header and an index, as pandas writes them.
    lines = landmarks.csv_text(_clip()).splitlines()
    head = "," + ",".join(map(str, range(68)))
    indexed = [f"{i},{line}" for i, line in enumerate(lines)]
    path.write_text("\n".join([head, *indexed]))
    np.testing.assert_allclose(landmarks.read_csv(path), _clip(), atol=0.006)


def _without_a_point(text):
    return text.replace('"(190, 310)",', "", 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_a_point, "row 1 has 67 points instead of 68"),
        (lambda t: t.replace("(190, 310)", "(nan, 310)"), "point 0: '.nan"),
        (lambda t: t.replace("(191, 311)", "191"), "row 2, point 0: '191'"),
        (lambda t: t.split("\n", 1)[1], "19 frames instead of 20"),
        (lambda t: "", "no frames"),
        (lambda t: "a,b\n", "no frames"),
        (lambda t: "\udcff", "cannot be read as text"),
    ],
)
def test_bad_csv_files(tmp_path, spoil, message):
    path = tmp_path / "clip.csv"
    text = spoil(landmarks.csv_text(_clip()))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadFileError, match=message) as caught:
        landmarks.read_csv(path)
    assert str(path) in str(caught.value)


def test_missing_files(tmp_path):
    with pytest.raises(BadFileError, match="No such file"):
        LandmarkSource(f"csv:{tmp_path}").clip([None] * 20, name="S001P")
    with pytest.raises(BadFileError, match="is no folder"):
        LandmarkSource(f"csv:{tmp_path}/none")
    for text in ("csv", "csv:", "opencv:x"):
        with pytest.raises(ConfigurationError, match="csv:PATH, tflite:PATH"):
            LandmarkSource(text)


# --- Face mesh ---


def test_mesh_map():
    assert len(set(landmarks.MESH_TO_68)) == 68
    # Two points that everybody who used the mesh knows: chin and nose tip.
    assert (landmarks.MESH_TO_68[8], landmarks.MESH_TO_68[30]) == (152, 4)


@pytest.fixture(scope="module")
def spot_mesh(tmp_path_factory):
    """A model whose 468 points all lie on the brightest spot of the crop.

    Its score is positive where the picture is not black and in 0 to 1.
    """
    import tensorflow as tf

    def spot(x):
        light = tf.reduce_sum(x, axis=-1)
        place = tf.range(192, dtype=tf.float32) + 0.5
        total = tf.reduce_sum(light) + 1e-6
        across = tf.reduce_sum(light * place) / total
        down = tf.reduce_sum(light * place[:, None]) / total
        point = tf.stack([across, down, tf.zeros(())])
        top = tf.reduce_max(x)
        score = tf.minimum(top - 0.5, 1.01 - top)
        return {
            "mesh": tf.reshape(tf.tile(point, [468]), (1, 1, 1, 1404)),
            "score": tf.reshape(20.0 * score, (1, 1, 1, 1)),
        }

    return _convert(spot, tmp_path_factory.mktemp("tflite") / "spot.tflite")


def _convert(function, path):
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(
        function, input_signature=[tf.TensorSpec((1, 192, 192, 3), tf.float32)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.call.get_concrete_function()], module
    )
    path.write_bytes(converter.convert())
    return path


def _spotted(x, y, value=255):
    frame = np.zeros((300, 400, 3), np.uint8)
    frame[y - 2 : y + 3, x - 2 : x + 3] = value
    return frame


def test_tflite_points_are_in_pixels_of_the_frame(spot_mesh):
    source = LandmarkSource(f"tflite:{spot_mesh}")
    # Inside, out of the box but within its margin, and near the border.
    places = [(150, 120), (205, 150), (8, 290)]
    boxes = np.array(
        [[100, 80, 200, 200], [100, 80, 190, 200], [-20, 250, 40, 310]], float
    )
    frames = [_spotted(x, y) for x, y in places]
    points = source.clip(frames, boxes)
    assert points.shape == (3, 68, 2)
    expected = np.repeat(np.array(places)[:, None], 68, axis=1)
    np.testing.assert_allclose(points, expected, atol=0.3)


def test_tflite_frames_without_a_face_are_missing(spot_mesh):
    source = LandmarkSource(f"tflite:{spot_mesh}")
    frames = [_spotted(150, 120), _spotted(0, 0, 0), _spotted(154, 120)]
    boxes = np.array([[100, 80, 200, 200]] * 3, float)
    clip = landmark_clip(source, frames, boxes)
    np.testing.assert_array_equal(clip.found, [True, False, True])
    np.testing.assert_allclose(clip.points[1, :, 0], 152, atol=0.3)
    boxes[1:] = np.nan
    points = source.clip(frames, boxes)
    assert np.isnan(points[1:]).all() and np.isfinite(points[0]).all()
    with pytest.raises(ConfigurationError, match="S1: a face mesh needs a"):
        source.clip(frames, boxes[:2], "S1")
    with pytest.raises(KerasPainError, match="S1: no landmarks in any frame"):
        landmark_clip(source, frames[1:2], boxes[:1], name="S1")


def test_tflite_files_of_something_else(tmp_path):
    import tensorflow as tf

    path = _convert(
        lambda x: tf.reduce_mean(x, axis=(1, 2)), tmp_path / "classifier.tflite"
    )
    with pytest.raises(ConfigurationError) as caught:
        LandmarkSource(f"tflite:{path}")
    assert "puts out [(1, 3)]" in str(caught.value)
    assert "1404 numbers and a score" in str(caught.value)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"no model")
    with pytest.raises(BadFileError, match="TensorFlow Lite cannot run it"):
        LandmarkSource(f"tflite:{path}")
    with pytest.raises(BadFileError, match="is no file"):
        LandmarkSource(f"tflite:{tmp_path}/none.tflite")


def _eyes(points):
    """Centres of the right and the left eye."""
    eyes = (list(PARTS[f"{side}_eye"]) for side in ("right", "left"))
    return [points[:, eye].mean(axis=1) for eye in eyes]


def test_face_mesh_on_photographs(open_data):
    """With a real model: eyes, nose and mouth are where MTCNN sees them."""
    model = os.environ.get("KERAS_PAIN_FACE_MESH")
    if not model:
        pytest.skip("KERAS_PAIN_FACE_MESH names no face mesh (.tflite)")
    import cv2
    from mtcnn import MTCNN

    photographs = sorted((open_data / "faces_london").glob("*/*.jpg"))[::12]
    frames = [cv2.imread(os.fspath(p))[..., ::-1] for p in photographs]
    detector = MTCNN()
    faces = [detector.detect_faces(np.ascontiguousarray(f)) for f in frames]
    best = [max(f, key=lambda face: face["confidence"]) for f in faces]
    corner = np.array([face["box"][:2] for face in best])
    size = np.array([face["box"][2:] for face in best])
    boxes = np.concatenate([corner, corner + size], axis=1)
    clip = landmark_clip(LandmarkSource(f"tflite:{model}"), frames, boxes)
    assert clip.found.all()
    right, left = _eyes(clip.points)
    between = np.linalg.norm(left - right, axis=1)
    # MTCNN names its points as they lie in the picture.
    for theirs, ours in (
        ("left_eye", right),
        ("right_eye", left),
        ("nose", clip.points[:, 30]),
        ("mouth_left", clip.points[:, 48]),
        ("mouth_right", clip.points[:, 54]),
    ):
        point = np.array([face["keypoints"][theirs] for face in best])
        distance = np.linalg.norm(point - ours, axis=1) / between
        assert distance.max() < 0.2, (theirs, distance.max())
    # Nobody's outline is out of order.
    jaw = clip.points[:, list(PARTS["jaw"])]
    assert (np.diff(jaw[..., 0], axis=1) > -0.1 * between[:, None]).all()
    assert (jaw[:, 8, 1] > clip.points[:, 57, 1]).all()


# --- dlib ---


def test_dlib_where_it_is_installed(tmp_path, monkeypatch):
    path = tmp_path / "predictor.dat"
    path.write_bytes(b"trees")
    parts = 68

    def shape(frame, face):
        def part(i):
            return types.SimpleNamespace(x=face[0] + i, y=face[1])

        return types.SimpleNamespace(num_parts=parts, part=part)

    fake = types.ModuleType("dlib")
    fake.rectangle = lambda *corners: corners
    fake.shape_predictor = lambda file: shape
    monkeypatch.setitem(sys.modules, "dlib", fake)
    boxes = np.array([[10.4, 20, 50, 60], [np.nan] * 4])
    points = LandmarkSource(f"dlib:{path}").clip([_spotted(30, 30)] * 2, boxes)
    np.testing.assert_array_equal(points[0, :, 0], 10 + np.arange(68))
    assert np.isnan(points[1]).all()
    parts = 5
    with pytest.raises(BadFileError, match="5 points instead of 68"):
        LandmarkSource(f"dlib:{path}").clip([_spotted(30, 30)], boxes[:1])
    with pytest.raises(BadFileError, match="is no file"):
        LandmarkSource("dlib:none.dat")
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ConfigurationError, match="pip install dlib"):
        LandmarkSource(f"dlib:{path}")


# --- Gaps and normalisation ---


def test_missing_frames_are_interpolated_and_flagged():
    points = _clip(6)
    holes = points.copy()
    holes[[0, 3]] = np.nan
    holes[2, 40, 1] = np.nan  # half a frame is no frame
    clip = landmarks.fill_missing(holes)
    np.testing.assert_array_equal(
        clip.found, [False, True, False, False, True, True]
    )
    np.testing.assert_allclose(clip.points[1:], points[1:], atol=1e-4)
    np.testing.assert_array_equal(clip.points[0], points[1])
    with pytest.raises(KerasPainError, match="no landmarks in any frame"):
        landmarks.fill_missing(np.full((4, 68, 2), np.nan))
    with pytest.raises(KerasPainError, match=r"\(4, 67, 2\)"):
        landmarks.fill_missing(np.zeros((4, 67, 2)))


def test_normalised_clips_do_not_depend_on_place_and_size():
    points = _clip(7) + np.random.default_rng(0).normal(size=(7, 68, 2))
    normal = landmarks.normalise_clip(points)
    np.testing.assert_allclose(
        landmarks.normalise_clip(2.5 * points - 70), normal, atol=1e-4
    )
    right, left = _eyes(normal)
    distance = np.linalg.norm(left - right, axis=1)
    assert np.median(distance) == pytest.approx(1, abs=1e-5)
    nose = normal[:, 27:36].mean(axis=1)
    np.testing.assert_allclose(np.median(nose, axis=0), 0, atol=1e-5)
    # A face that moves within the clip still does.
    assert np.ptp(nose[:, 0]) > 0.04
    with pytest.raises(KerasPainError, match="no size"):
        landmarks.normalise_clip(np.ones((3, 68, 2)))
