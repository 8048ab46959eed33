"""The 68 points: numbering, graph, sources, gaps, normalisation."""

import os
import sys
import types

import networkx
import numpy as np
import pytest
from scipy.spatial import Delaunay

from keras_pain.errors import (
    BadFileError,
    ConfigurationError,
    KerasPainError,
)
from keras_pain.reports.landmark_graph import (
    draw_landmark_graph,
    plot_landmark_graphs,
)
from keras_pain.signals.landmarks import (
    MIRROR,
    adjacency,
    edges,
    fill_missing,
    landmark_clip,
    mean_weights,
    mirror_points,
    normalise_clip,
    open_source,
)
from keras_pain.signals.landmarks.csv_files import csv_text, read_csv
from keras_pain.signals.landmarks.graph import BROW_DIAGONAL
from keras_pain.signals.landmarks.mesh import MESH_TO_68
from keras_pain.signals.landmarks.points import PARTS, front_face

RING = [*range(17), 26, 25, 24, 23, 20, 19, 18, 17]


def _pair(a, b):
    return min(a, b), max(a, b)


# --- Points ---


def test_mirror_map():
    assert [MIRROR[i] for i in MIRROR] == list(range(68))
    for right, left in (
        ("jaw", "jaw"),
        ("right_brow", "left_brow"),
        ("nose_bridge", "nose_bridge"),
        ("nose_base", "nose_base"),
        ("right_eye", "left_eye"),
        ("outer_lips", "outer_lips"),
        ("inner_lips", "inner_lips"),
    ):
        assert {MIRROR[i] for i in PARTS[right]} == set(PARTS[left])
    # The outer corner of one eye is that of the other, above stays above.
    assert [MIRROR[i] for i in (36, 37, 39, 41)] == [45, 44, 42, 46]
    assert [MIRROR[i] for i in (48, 49, 59, 60, 61, 67)] == [
        54,
        53,
        55,
        64,
        63,
        65,
    ]


def test_mirrored_points_are_those_of_the_flipped_picture():
    face = front_face()
    np.testing.assert_array_equal(mirror_points(face), face)
    points = np.array([[3.0, 5.0]] * 68, np.float32)
    points[36] = 0.0, 7.0
    flipped = mirror_points(points, width=10)
    np.testing.assert_array_equal(flipped[45], [9.0, 7.0])
    np.testing.assert_array_equal(flipped[36], [6.0, 5.0])
    np.testing.assert_array_equal(mirror_points(flipped, width=10), points)


# --- Graph ---


def test_corrected_graph():
    graph = networkx.Graph(edges())
    assert (len(graph), graph.number_of_edges()) == (68, 174)
    assert networkx.check_planarity(graph)[0]
    mirrored = {_pair(MIRROR[a], MIRROR[b]) for a, b in edges()}
    assert edges() - mirrored == {BROW_DIAGONAL}
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
    assert edges() - {BROW_DIAGONAL} == expected


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
        mean = mean_weights(hops=hops) @ x
        assert mean[30] == pytest.approx(x[near[30]].mean(), abs=1e-6)
    with pytest.raises(ConfigurationError, match="'line'"):
        edges("line")
    with pytest.raises(ConfigurationError, match="hops"):
        adjacency(hops=0)


def test_figure_of_the_graphs(tmp_path):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    draw_landmark_graph(front_face(), ax, graph="as_coded", numbers=True)
    drawn = [len(lines.get_segments()) for lines in ax.collections[:3]]
    shared = edges() & edges("as_coded")
    assert drawn == [len(shared), 174 - len(shared), 0]
    assert [text.get_text() for text in ax.texts] == list(map(str, range(68)))
    plt.close(figure)
    picture = np.zeros((40, 40, 3), np.uint8)
    path = plot_landmark_graphs(
        tmp_path / "graph.png",
        15 * front_face() + 20,
        picture,
        simulated=True,
    )
    assert path.name == "graph_SIMULATED.png"
    assert path.read_bytes().startswith(b"\x89PNG")


# --- Text files ---


def _clip(frames=20):
    drift = np.arange(frames, dtype=np.float32)[:, None, None]
    return 100 * front_face() + 300 + drift


def test_csv_files_are_read_back(tmp_path):
    path = tmp_path / "S001N.csv"
    path.write_text(csv_text(_clip()))
    np.testing.assert_allclose(read_csv(path), _clip(), atol=0.006)
    assert path.read_text().startswith('"(190, 310)"')
    source = open_source(f"csv:{tmp_path}")
    clip = landmark_clip(source, [None] * 20, name="S001N")
    np.testing.assert_allclose(clip.points, _clip(), atol=0.006)
    assert clip.found.all()
    # With a header and an index, as pandas writes them.
    lines = csv_text(_clip()).splitlines()
    head = "," + ",".join(map(str, range(68)))
    indexed = [f"{i},{line}" for i, line in enumerate(lines)]
    path.write_text("\n".join([head, *indexed]))
    np.testing.assert_allclose(read_csv(path), _clip(), atol=0.006)


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
    text = spoil(csv_text(_clip()))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadFileError, match=message) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


def test_missing_files(tmp_path):
    with pytest.raises(BadFileError, match="No such file"):
        open_source(f"csv:{tmp_path}").clip([None] * 20, name="S001P")
    with pytest.raises(BadFileError, match="is no folder"):
        open_source(f"csv:{tmp_path}/none")
    for text in ("csv", "csv:", "opencv:x"):
        with pytest.raises(ConfigurationError, match="csv:PATH, tflite:PATH"):
            open_source(text)


# --- Face mesh ---


def test_mesh_map():
    assert len(set(MESH_TO_68)) == 68
    # Two points that everybody who used the mesh knows: chin and nose tip.
    assert (MESH_TO_68[8], MESH_TO_68[30]) == (152, 4)


@pytest.fixture(scope="module")
def spot_mesh(tmp_path_factory):
    """A model whose 468 points all lie on the brightest spot of the crop.

    Its score is positive where the picture is not black and in 0 to 1.
    """
    import tensorflow as tf

    class Spot(tf.Module):
        @tf.function(
            input_signature=[tf.TensorSpec((1, 192, 192, 3), tf.float32)]
        )
        def __call__(self, x):
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

    return _convert(Spot(), tmp_path_factory.mktemp("tflite") / "spot.tflite")


def _convert(module, path):
    import tensorflow as tf

    function = module.__call__.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function], module
    )
    path.write_bytes(converter.convert())
    return path


def _spotted(x, y, value=255):
    frame = np.zeros((300, 400, 3), np.uint8)
    frame[y - 2 : y + 3, x - 2 : x + 3] = value
    return frame


def test_tflite_points_are_in_pixels_of_the_frame(spot_mesh):
    source = open_source(f"tflite:{spot_mesh}")
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
    source = open_source(f"tflite:{spot_mesh}")
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

    class Classifier(tf.Module):
        @tf.function(
            input_signature=[tf.TensorSpec((1, 192, 192, 3), tf.float32)]
        )
        def __call__(self, x):
            return tf.reduce_mean(x, axis=(1, 2))

    path = _convert(Classifier(), tmp_path / "classifier.tflite")
    with pytest.raises(ConfigurationError) as caught:
        open_source(f"tflite:{path}")
    assert "puts out [(1, 3)]" in str(caught.value)
    assert "1404 numbers and a score" in str(caught.value)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"no model")
    with pytest.raises(BadFileError, match="TensorFlow Lite cannot run it"):
        open_source(f"tflite:{path}")
    with pytest.raises(BadFileError, match="is no file"):
        open_source(f"tflite:{tmp_path}/none.tflite")


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
    clip = landmark_clip(open_source(f"tflite:{model}"), frames, boxes)
    assert clip.found.all()
    eyes = {e: list(PARTS[f"{e}_eye"]) for e in ("right", "left")}
    centres = {e: clip.points[:, p].mean(axis=1) for e, p in eyes.items()}
    between = np.linalg.norm(centres["left"] - centres["right"], axis=1)
    # MTCNN names its points as they lie in the picture.
    for theirs, ours in (
        ("left_eye", centres["right"]),
        ("right_eye", centres["left"]),
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


class _Shape:
    num_parts = 68

    def __init__(self, face):
        self.face = face

    def part(self, i):
        return types.SimpleNamespace(x=self.face[0] + i, y=self.face[1])


def test_dlib_where_it_is_installed(tmp_path, monkeypatch):
    path = tmp_path / "predictor.dat"
    path.write_bytes(b"trees")
    fake = types.ModuleType("dlib")
    fake.rectangle = lambda *corners: corners
    fake.shape_predictor = lambda file: lambda frame, face: _Shape(face)
    monkeypatch.setitem(sys.modules, "dlib", fake)
    boxes = np.array([[10.4, 20, 50, 60], [np.nan] * 4])
    points = open_source(f"dlib:{path}").clip([_spotted(30, 30)] * 2, boxes)
    np.testing.assert_array_equal(points[0, :, 0], 10 + np.arange(68))
    assert np.isnan(points[1]).all()
    monkeypatch.setattr(_Shape, "num_parts", 5)
    with pytest.raises(BadFileError, match="5 points instead of 68"):
        open_source(f"dlib:{path}").clip([_spotted(30, 30)], boxes[:1])
    with pytest.raises(BadFileError, match="is no file"):
        open_source("dlib:none.dat")
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ConfigurationError, match="pip install dlib"):
        open_source(f"dlib:{path}")


# --- Gaps and normalisation ---


def test_missing_frames_are_interpolated_and_flagged():
    points = _clip(6)
    holes = points.copy()
    holes[[0, 3]] = np.nan
    holes[2, 40, 1] = np.nan  # half a frame is no frame
    clip = fill_missing(holes)
    np.testing.assert_array_equal(
        clip.found, [False, True, False, False, True, True]
    )
    np.testing.assert_allclose(clip.points[1:], points[1:], atol=1e-4)
    np.testing.assert_array_equal(clip.points[0], points[1])
    with pytest.raises(KerasPainError, match="no landmarks in any frame"):
        fill_missing(np.full((4, 68, 2), np.nan))
    with pytest.raises(KerasPainError, match=r"\(4, 67, 2\)"):
        fill_missing(np.zeros((4, 67, 2)))


def test_normalised_clips_do_not_depend_on_place_and_size():
    points = _clip(7) + np.random.default_rng(0).normal(size=(7, 68, 2))
    normal = normalise_clip(points)
    np.testing.assert_allclose(
        normalise_clip(2.5 * points - 70), normal, atol=1e-4
    )
    right, left = (
        normal[:, list(PARTS[eye])].mean(axis=1)
        for eye in ("right_eye", "left_eye")
    )
    distance = np.linalg.norm(left - right, axis=1)
    assert np.median(distance) == pytest.approx(1, abs=1e-5)
    nose = normal[:, 27:36].mean(axis=1)
    np.testing.assert_allclose(np.median(nose, axis=0), 0, atol=1e-5)
    # A face that moves within the clip still does.
    assert np.ptp(nose[:, 0]) > 0.04
    with pytest.raises(KerasPainError, match="no size"):
        normalise_clip(np.ones((3, 68, 2)))
