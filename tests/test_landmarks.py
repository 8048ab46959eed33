"""The 68 points: numbering, graph, sources, gaps, normalisation."""

import os
import pathlib
import re
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
    """As the released code makes it of its own list, faults included."""
    path = pathlib.Path(face_graph.__file__).with_name("stgcn_edges.csv")
    written = [
        tuple(map(int, line.split(",")))
        for line in path.read_text().splitlines()[2:]
    ]
    assert len(written) == 174 and written[0] == (0, 36)
    one = np.eye(68)  # and itself
    for a, b in written:
        one[a - 1, b - 1] = one[b - 1, a - 1] = 1  # -1 is NumPy's last point
    assert one[67, 35] == one[35, 67] == 1 and not one[0, 36]
    np.testing.assert_array_equal(adjacency("as_released"), one > 0)
    np.testing.assert_array_equal(adjacency("as_released", 2), one @ one > 0)
    # Undone, the shift leaves three edges without which it is planar.
    graph = networkx.Graph(written)
    assert len(graph) == 68 and len(edges("as_released")) == 174
    assert not networkx.check_planarity(graph)[0]
    for wrong, right in (
        ((12, 35), (13, 35)),
        ((30, 49), (31, 49)),
        ((40, 59), (59, 60)),
    ):
        graph.remove_edge(*wrong)
        graph.add_edge(*right)
    assert networkx.check_planarity(graph)[0]
    notice = (path.parents[2] / "NOTICE").read_text()
    assert "Copyright (c) 2022 Md Fokhrul Islam" in notice
    assert "shall be included in all" in notice


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
    for form, index in (("{}", range(20)), ("point_{:03d}", [7] * 20)):
        head = "," + ",".join(map(form.format, range(68)))
        indexed = map("{},{}".format, index, lines)
        path.write_text("\n".join([head, *indexed]))
        points = landmarks.read_csv(path)
        np.testing.assert_allclose(points, _clip(), atol=0.006)


def test_csv_files_in_other_hands_are_read(tmp_path):
    path = tmp_path / "S001N.csv"
    text = landmarks.csv_text(_clip())
    expected = landmarks.csv_text(landmarks.read_csv(_written(path, text)))
    head = ",".join(f"p{i}" for i in range(68))
    for form in (
        re.sub(r"(\d+), (\d+)", r"np.float64(\1), np.int64(\2)", text),
        text.replace('","', '";"'),
        f"\ufeff{head}\r\n\r\n" + text.replace("\n", "\r\n\r\n"),
    ):
        got = landmarks.read_csv(_written(path, form))
        assert landmarks.csv_text(got) == expected


def _written(path, text):
    path.write_bytes(text.encode())
    return path


def _openface(**changes):
    """As OpenFace writes it, a blank behind each comma; faces of `_clip`."""
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"eye_lmk_{c}_{i}" for c in "xyXYZ" for i in range(56)]
    names += [f"{c}_{i}" for c in "xyXYZ" for i in range(68)]
    lines = [", ".join(names)]
    for number, frame in enumerate(_clip().round(1)):
        row = dict.fromkeys(names, "0.5") | {"frame": number + 1, "success": 1}
        for c, values in zip("xy", frame.T, strict=True):
            row |= {f"{c}_{i}": f"{v:.1f}" for i, v in enumerate(values)}
        row |= changes.get(f"row{number + 1}", {})
        lines.append(", ".join(str(value) for value in row.values()))
    return "\n".join(lines) + "\n"


def test_openface_files_are_read_by_their_columns(tmp_path):
    path = _written(tmp_path / "S001N.csv", _openface())
    np.testing.assert_allclose(landmarks.read_csv(path), _clip(), atol=0.06)
    lost = {"success": "False", "x_3": "-nan"}
    row5 = lost | {"success": "0.0"}
    _written(path, _openface(row1=lost, row5=row5, row9=lost | {"success": 0}))
    source = LandmarkSource(f"csv:{tmp_path}")
    clip = landmark_clip(source, [None] * 20, name="S001N")
    assert np.flatnonzero(~clip.found).tolist() == [0, 4, 8]
    np.testing.assert_allclose(clip.points[4], _clip()[4], atol=0.06)
    named = {f"row{i + 1}": {"frame": f"f_{40 - i}.jpg"} for i in range(20)}
    for text, words in (
        (_openface(row3={"frame": 9}), "frame 9 behind frame 2"),
        (_openface(row3={"frame": "9.0"}), "frame 9 behind frame 2"),
        (_openface(**named), "frame 39 behind frame 40"),
        (_openface().replace("y_67", "y67"), "no column y_67"),
        (_openface(row2={"x_0": "-nan"}), "row 3, point 0: .*no pair"),
        (_openface(row2={"x_0": "1e300"}), "row 3, point 0: .*pixels away"),
    ):
        with pytest.raises(BadFileError, match=words):
            landmarks.read_csv(_written(path, text))


def test_openface_says_its_rate(tmp_path):
    times = {f"row{n + 1}": {"timestamp": f"{n / 25:.3f}"} for n in range(20)}
    path = _written(tmp_path / "a.csv", _openface(**times))
    assert landmarks.csv_rate(path) == pytest.approx(25)
    odd = [times | {"row20": {"timestamp": t}} for t in ("9.0", "nan", "x")]
    texts = [_openface(**rows) for rows in ({}, *odd)]
    for text in (*texts, landmarks.csv_text(_clip())):
        assert landmarks.csv_rate(_written(path, text)) is None


def test_rows_that_end_in_a_mark_and_comments_are_read(tmp_path):
    text = landmarks.csv_text(_clip())
    expected = landmarks.read_csv(_written(tmp_path / "a.csv", text))
    indexed = re.sub("^", "7,", text, flags=re.MULTILINE)[:-2]
    head = ",".join(f"p{i}" for i in range(68))
    for form in (
        text.replace("\n", ",\n"),
        f"{head},\n" + text.replace("\n", ",\n"),
        f"{head},\n{text}",
        f"{head}\n{indexed}",  # as R writes it
        f"# 20 frames\n{text}",
    ):
        got = landmarks.read_csv(_written(tmp_path / "a.csv", form))
        np.testing.assert_array_equal(got, expected)


def _without_a_point(text):
    return text.replace('"(190, 310)",', "", 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_a_point, "row 1 has 67 points instead of 68"),
        (lambda t: t.replace("(190, 310)", "(nan, 310)"), "point 0: '.nan"),
        (lambda t: t.replace("(191, 311)", "191"), "row 2, point 0: '191'"),
        (lambda t: t.replace("(190, 310)", "(1_0, 310)"), "no pair of numbers"),
        (lambda t: t.split("\n", 1)[1], "19 frames instead of 20"),
        (lambda t: "no face\n" + t, "row 1 has 1 points instead of 68"),
        (
            lambda t: "0,None\n" + re.sub("(?m)^(?=.)", "f,", t),
            "row 1 has 1 points instead of 68",
        ),
        (lambda t: re.sub("(?m)^(?=.)", '"(1, 2)",', t), "row 1 has 69 points"),
        (lambda t: re.sub(r"(\d+)", r"0.\1", t), "is scaled to 0 to 1"),
        (lambda t: "", "no frames"),
        (lambda t: "a,b\n", "no frames"),
        (lambda t: "\udcff", "cannot be read as text"),
        (lambda t: '"' + "x" * 200_000, "cannot be read as text"),
        # A first row without a face is no header, one of commas no blank line.
        (
            lambda t: ",".join(["None"] * 68) + "\n" + t,
            "row 1, point 0: 'None'",
        ),
        (lambda t: ",".join(["nan"] * 68) + "\n" + t, "row 1, point 0: 'nan'"),
        (lambda t: "," * 67 + "\n" + t, "row 1, point 0: ''"),
        (lambda t: t.replace("(190, 310)", "(190; 310)"), "row 1 has 1 points"),
        (lambda t: t.replace("(190, 310)", "(1e300, 310)"), "pixels away"),
        (
            lambda t: "".join(
                f"{2 * i},{r}\n" for i, r in enumerate(t.split("\n")[:20])
            ),
            "frame 2 behind frame 0",
        ),
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


def test_frames_of_one_place_have_no_face(tmp_path):
    """Lost frames, as others write them."""
    points = _clip(6).astype(np.float32)
    points[[1, 4]] = 0
    path = tmp_path / "clip.csv"
    path.write_text(landmarks.csv_text(points))
    found = landmarks.read_csv(path, 6)
    assert np.isnan(found[[1, 4]]).all()
    np.testing.assert_allclose(found[[0, 2, 3, 5]], points[[0, 2, 3, 5]])


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
