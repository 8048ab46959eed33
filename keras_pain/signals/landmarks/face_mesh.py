"""Landmarks from a TFLite face mesh that the user has a file of.

The project ships no such model. `face_landmark.tflite` of MediaPipe (Apache
2.0) is one: it lies in the wheels of mediapipe 0.10.9 to 0.10.21, in the folder
mediapipe/modules/face_landmark, and runs without the package.
"""

import os
import pathlib
import warnings
from collections.abc import Sequence

import numpy as np

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.signals.landmarks.boxes import checked_boxes
from keras_pain.signals.landmarks.mesh import MESH_POINTS, mesh_to_68
from keras_pain.signals.landmarks.points import NUM_POINTS

_CURE = (
    "take face_landmark.tflite from mediapipe/modules/face_landmark of the "
    "wheel mediapipe 0.10.21"
)


class TFLiteFaceMesh:
    """A face mesh of 468 points, run on the crop round a detected face.

    Args:
        path: The `.tflite` file: pictures `(1, side, side, 3)` from 0 to 1
            in, 1404 numbers (x, y, z in pixels of the crop) and the logit of
            a face's presence out.
        margin: What is added to the box on every side, as a share of its
            longer side; a quarter is what the mesh was trained with.
        min_score: Least probability of a face's presence.

    Raises:
        BadFileError: The file is missing or no TFLite model.
        ConfigurationError: It is a model, but no such face mesh.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        margin: float = 0.25,
        min_score: float = 0.5,
    ):
        self.path = pathlib.Path(path)
        self.margin = margin
        self.min_score = min_score
        self._interpreter = _load(self.path)
        self._input, self._mesh, self._score = self._places()

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """Runs the mesh on every face, see `sources.LandmarkSource.clip`."""
        points = np.full((len(frames), NUM_POINTS, 2), np.nan, np.float32)
        boxes = checked_boxes(boxes, len(frames), "a face mesh", name)
        for i, (frame, box) in enumerate(zip(frames, boxes, strict=True)):
            if np.isfinite(box).all():
                mesh, score = self.mesh(frame, box)
                if score >= self.min_score:
                    points[i] = mesh_to_68(mesh)[:, :2]
        return points

    def mesh(
        self, frame: np.ndarray, box: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """All points of one face.

        Args:
            frame: uint8 `(H, W, 3)` RGB.
            box: x0, y0, x1, y1 in pixels.

        Returns:
            `(468, 3)` float32: x and y in pixels of the frame, z in the same
            unit; and the probability that there is a face.
        """
        import cv2

        x0, y0, x1, y1 = np.asarray(box, float)
        side = (1 + 2 * self.margin) * max(x1 - x0, y1 - y0)
        size = self._input["shape"][1]
        step = side / size  # pixels of the frame in one of the crop
        corner = np.array([x0 + x1 - side, y0 + y1 - side]) / 2
        # Pixels count from their centres, the mesh from the crop's corner.
        shift = corner + step / 2 - 0.5
        crop = cv2.warpAffine(
            np.ascontiguousarray(frame),
            np.array([[step, 0, shift[0]], [0, step, shift[1]]]),
            (int(size), int(size)),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        run = self._interpreter
        run.set_tensor(
            self._input["index"], crop[None].astype(np.float32) / 255
        )
        run.invoke()
        mesh = run.get_tensor(self._mesh["index"]).reshape(MESH_POINTS, 3)
        logit = float(run.get_tensor(self._score["index"]).squeeze())
        mesh = mesh * step + [*(corner - 0.5), 0]
        return mesh.astype(np.float32), 1 / (1 + np.exp(-logit))

    def _places(self) -> tuple[dict, dict, dict]:
        """The interpreter's entries of the input, the mesh and the score."""
        (picture, *more) = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        shape = tuple(int(n) for n in picture["shape"])
        sizes = {int(np.prod(o["shape"])): o for o in outputs}
        square = len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3
        if (
            more
            or not square
            or picture["dtype"] != np.float32
            or not {3 * MESH_POINTS, 1} <= set(sizes)
        ):
            given = [tuple(int(n) for n in o["shape"]) for o in outputs]
            raise ConfigurationError(
                f"{self.path}: takes {shape} and puts out {given}; a face "
                f"mesh takes (1, 192, 192, 3) and puts out {3 * MESH_POINTS} "
                f"numbers and a score; {_CURE}"
            )
        return picture, sizes[3 * MESH_POINTS], sizes[1]


def _load(path: pathlib.Path):
    if not path.is_file():
        raise BadFileError(path, "is no file", _CURE)
    import tensorflow as tf

    try:
        with warnings.catch_warnings():
            # tf.lite's successor is a package of its own.
            warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite")
            interpreter = tf.lite.Interpreter(os.fspath(path))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise BadFileError(
            path, f"TensorFlow Lite cannot run it ({reason})", _CURE
        ) from error
    return interpreter
