"""From frames to checked pictures with their provenance, gone on with.

A run's folder:

    <output>/
        run.json            settings; another run's are refused
        manifest.jsonl      a line for every picture, good or rejected
        images/             the good ones
        rejected/           those in which the check missed the face
        summary.json        counts, rejects and frames passed over
        contact_sheet.png

Of simulated frames the folders are called `images_SIMULATED` and so on. A
picture is on the disk before its line, and both before the next picture: a
run that is killed goes on where it was.
"""

import collections
import contextlib
import dataclasses
import hashlib
import importlib.metadata
import itertools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np

import keras_pain
from keras_pain.augment import MIN_IOU, SEED
from keras_pain.augment import sources as inputs
from keras_pain.augment.prompts import PromptBuilder
from keras_pain.corpora.manifest import content_hash
from keras_pain.errors import BadFileError, ConfigurationError, reading
from keras_pain.experiments.store import first_difference
from keras_pain.io import marked, tracked, unwritable, write_file
from keras_pain.reports.figures import STYLE, new_figure, png_of
from keras_pain.signals.faces import landmark_boxes

RUN_FILE, MANIFEST_FILE = "run.json", "manifest.jsonl"
FORMAT = 1
GOOD, REJECTED = "good", "rejected"

_ANOTHER = "choose another --output or delete this one"
_FULL = "free some space or choose another --output; the same command goes on "
_FULL += "from what is there"
# What sources of landmarks are called in a run's files, by kind.
_LANDMARKS = {"csv": "CSVFolder", "tflite": "TFLiteFaceMesh"}
_LANDMARKS["dlib"] = "DlibPredictor"
# What a run is not gone on with if it has changed.
_SAME = {"source_sha256": "content", "pspi": "label", "subject": "subject"}
_SAME["points_sha256"] = "set of landmarks"
# Entries of a manifest's line that are read again, and their types.
_LINE = {
    **dict.fromkeys(("source", "file", "status", "reason", "method"), str),
    **dict.fromkeys(("subject", "source_sha256", "points_sha256"), str),
    **{"copy": int, "iou": int | float, "pspi": int | float | None},
    "notes": list,
}
_CELL = 1.9  # inches a side of a picture
_ROWS, _COLUMNS = 4, 6  # of pictures on a contact sheet, at most
_TITLES = {
    "gsff": "GSFF: sources and generated pictures",
    "geometric": "Geometric changes of outline, light and background",
}


@dataclasses.dataclass(frozen=True)
class PictureRun:
    """What makes pictures, how many, and from which seeds.

    A generator has `method` (what its pictures are called), `reads_prompts`
    (then also `count_tokens(text)`), `parameters` (with a hash of the model,
    JSON-able; equal for two that make the same pictures), the `versions` of
    its packages, and `generate(frames, points, seeds, prompts, names)`: of
    `(n, H, W, 3)` uint8 RGB frames, `(n, 68, 2)` landmarks in pixels, n seeds
    of 63 bits, n texts (none if it reads none) and n names n pictures `(H, W,
    3)` uint8, each from its own frame, prompt and seed only.

    Raises ConfigurationError where a number is out of range, or copies would
    be equal.
    """

    landmarks: Any  # of the 68 points, see `sources.open_landmarks`
    generator: Any
    detector: Any  # of faces, as `keras_pain.signals.faces.FaceDetector`
    # Least overlap, intersection over union, of the face's box with that in the
    # source; else a picture is rejected.
    min_iou: float = MIN_IOU
    prompts: PromptBuilder = dataclasses.field(default_factory=PromptBuilder)
    seed: int = SEED
    # Every picture starts from the seed itself, as in the released code; else
    # from one of its own that is drawn from it.
    same_seed: bool = False
    copies: int = 1  # pictures a frame
    batch: int = 4  # pictures made at once; changes no picture
    skip_bad: bool = True  # pass over frames that cannot be used; else stop
    simulated: bool = False  # the frames are

    def __post_init__(self):
        if not 0 <= self.min_iou <= 1:
            text = f"min_iou must be from 0 to 1, got {self.min_iou}"
            raise ConfigurationError(text)
        if min(self.copies, self.batch) < 1 or not 0 <= self.seed < 2**63:
            text = "copies and batch must be at least 1 and seed from 0 to 2^63"
            got = f"{self.copies}, {self.batch}, {self.seed}"
            raise ConfigurationError(f"{text} - 1, got {got}")
        if self.same_seed and self.copies > 1:
            text = "copies from the same seed are equal; take --copies 1 or "
            raise ConfigurationError(text + "leave --same_seed out")


def generate(
    sources: Sequence[inputs.Source], output: str | os.PathLike, run: PictureRun
) -> dict[str, Any]:
    """Makes pictures from frames; goes on from what a folder already holds.

    Returns what is in the folder now: `made` pictures by this call and `kept`
    ones; of these frames how many are `good`, the `rejected` as
    `(source, copy, reason)`, frames that were `skipped` as `(source, problem)`,
    and `notes`, the frames by what had to be changed in them. Raises
    ConfigurationError where the folder is another run's, or holds a frame of
    the same name with other content or label, two have one name, or no frame
    can be used; KerasPainError where the generator cannot run, or the folder
    cannot be written to.
    """
    counts = collections.Counter(source.name for source in sources)
    if not counts:
        raise ConfigurationError("no frames")
    [(name, count)] = counts.most_common(1)
    if count > 1:
        raise ConfigurationError(f"two frames are called {name}")
    generator = run.generator
    kind = getattr(run.landmarks, "kind", None)
    landmarks = {"kind": _LANDMARKS.get(kind, type(run.landmarks).__name__)}
    if path := getattr(run.landmarks, "path", None):
        # A run is not gone on with from other points.
        landmarks["sha256"] = content_hash(path, ".csv")
    settings = {"method": generator.method, "generator": generator.parameters}
    settings |= {"landmarks": landmarks, "check": {"min_iou": run.min_iou}}
    settings |= {"seed": run.seed, "same_seed": run.same_seed}
    if generator.reads_prompts:
        settings["prompt"] = dataclasses.asdict(run.prompts)
    versions = {"keras_pain": keras_pain.__version__, "numpy": np.__version__}
    versions["pillow"] = importlib.metadata.version("pillow")
    versions |= generator.versions
    output = pathlib.Path(output)
    done = open_folder(output, settings, run.simulated, versions)
    made, kept, skipped = 0, 0, {}

    def jobs():
        nonlocal kept
        for source in tracked(sources, "pictures"):
            try:
                new = _jobs_of(source, run, output, done, landmarks, versions)
            except BadFileError as error:
                if not run.skip_bad:
                    raise
                skipped[source.name] = error
            else:
                kept += run.copies - len(new)
                yield from new

    for _, group in itertools.groupby(jobs(), lambda job: job[1].shape):
        while batch := list(itertools.islice(group, run.batch)):
            lines, frames, points, boxes = zip(*batch, strict=True)
            outputs = generator.generate(
                frames=np.stack(frames),
                points=np.stack(points),
                seeds=[line["seed"] for line in lines],
                prompts=[v["prompt"]["text"] for v in lines if "prompt" in v],
                names=[line["source"] for line in lines],
            )
            found = run.detector.detect(outputs)
            pairs = zip(lines, outputs, found, boxes, strict=True)
            for line, pixels, faces, box in pairs:
                overlap = max((iou(face, box) for face in faces), default=0.0)
                reason = "face_moved" if overlap < run.min_iou else ""
                reason = reason if len(faces) else "no_face"
                check = {"status": REJECTED if reason else GOOD}
                check |= {"reason": reason, "iou": round(overlap, 4), **line}
                line = add_picture(output, run.simulated, check, pixels)
                done[line["source"], line["copy"]] = line
                made += 1
    lines = [line for line in done.values() if line["source"] in counts]
    if not lines:
        *_, last = skipped.values()
        text = f"none of {len(counts)} frames can be used, the last one: {last}"
        raise ConfigurationError(text)
    rejected = [line for line in lines if line["status"] == REJECTED]
    named = sorted((v["source"], v["copy"], v["reason"]) for v in rejected)
    notes = {(line["source"], note) for line in lines for note in line["notes"]}
    summary = {"made": made, "kept": kept, "good": len(lines) - len(rejected)}
    summary |= {"rejected": named, "simulated": run.simulated}
    summary["skipped"] = [(name, e.problem) for name, e in skipped.items()]
    summary["notes"] = dict(collections.Counter(note for _, note in notes))
    write_file(output / "summary.json", _json(summary), _FULL)
    return summary


def _jobs_of(source, run: PictureRun, output, done, landmarks, versions):
    """A picture's line, frame, points and box, for each that is missing."""
    coded, given = source.read(), source.points
    sha256 = hashlib.sha256(coded).hexdigest()
    facts = {"source": source.name, "source_sha256": sha256}
    facts |= {key: getattr(source, key) for key in inputs.COLUMNS[1:]}
    here = facts if given is None else {**facts, "points_sha256": _hash(given)}
    lines = [done.get((source.name, copy)) for copy in range(run.copies)]
    for line in filter(None, lines):
        for key, what in _SAME.items():
            if line[key] != here.get(key, line[key]):
                other = f"a frame {source.name} with another {what}"
                problem = f"{output}: was made from {other}; {_ANOTHER}"
                raise ConfigurationError(problem)
    missing = [copy for copy, line in enumerate(lines) if line is None]
    if not missing:
        return []
    pixels, notes = inputs.decode(coded, source.name)
    (faces,), box = run.detector.detect([pixels]), np.full(4, np.nan)
    if len(faces):
        box = faces[(faces[:, 2:4] - faces[:, :2]).prod(axis=1).argmax(), :4]
    points = given
    if given is None:
        points = run.landmarks.clip([pixels], box[None], source.name)[0]
    if not np.isfinite(points).all():
        problem, rule = "no landmarks were found", "no_landmarks"
        cure = "see whether it shows a face, or give others with --landmarks"
        raise BadFileError(source.name, problem, cure, rule)
    if not len(faces):
        box = landmark_boxes(points[None])[0]
    generator = run.generator
    made = {"method": generator.method, "parameters": generator.parameters}
    made["landmarks"] = landmarks if given is None else "with the frame"
    made |= {"points_sha256": _hash(points), "notes": notes}
    made |= {"versions": versions}
    if generator.reads_prompts:
        schematic = given is None and isinstance(
            run.landmarks, inputs.DetectorPoints
        )
        known = points, pixels.shape, generator.count_tokens
        made["prompt"] = run.prompts.build(*known, measured=not schematic)
    jobs = []
    for copy in missing:
        seed = image_seed(run.seed, source.name, copy)
        number = {"copy": copy, "seed": run.seed if run.same_seed else seed}
        jobs.append(({**facts, **number, **made}, pixels, points, box))
    return jobs


def _hash(points) -> str:
    points = np.asarray(points, np.float32)
    return hashlib.sha256(points.tobytes()).hexdigest()


def image_seed(seed: int, name: str, copy: int) -> int:
    """63 bits that depend on a run's seed, a frame's name and the copy only."""
    text = f"{seed}\n{name}\n{copy}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) >> 1


def iou(one: np.ndarray, two: np.ndarray) -> float:
    """Intersection over union of two boxes, which begin with x0, y0, x1, y1."""
    low, high = np.maximum(one[:2], two[:2]), np.minimum(one[2:4], two[2:4])
    both = np.prod(np.maximum(high - low, 0))
    union = sum(np.prod(b[2:4] - b[:2]) for b in (one, two)) - both
    return float(both / union) if union > 0 else 0.0


def open_folder(
    path: pathlib.Path,
    settings: Mapping,
    simulated: bool = False,
    versions: Mapping[str, str] | None = None,
) -> dict[tuple[str, int], dict]:
    """Begins the folder of a run, or goes on with it.

    `settings` are all that decides what the pictures look like, JSON-able; the
    `versions` of the software are for the record only.

    Returns lines by source and number of the copy, if their file is there.
    Raises ConfigurationError where the folder holds other files, or pictures of
    a run with other settings; BadFileError where the manifest is damaged;
    KerasPainError where the folder cannot be written to.
    """
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{path}: is a file; {_ANOTHER}")
    # A run that was killed while it wrote its first file left a temporary.
    if not path.is_dir() or all(file.name[0] == "." for file in path.iterdir()):
        run = {"format": FORMAT, "settings": settings, "simulated": simulated}
        run["begun_with"] = versions or {}
        write_file(path / RUN_FILE, _json(run), _FULL)
    old = read_run(path)
    there = {**old["settings"], "simulated": old["simulated"]}
    here = {**settings, "simulated": simulated}
    if difference := first_difference(there, here):
        problem = f"holds the pictures of another run: {difference}"
        raise ConfigurationError(f"{path}: {problem}; {_ANOTHER}")
    manifest = path / MANIFEST_FILE
    if manifest.exists():
        write_file(manifest, read_lines(manifest)[1], _FULL)
    return _finished(path)


def _finished(path):
    """Lines by source and number of the copy, if their file is there."""
    lines, _ = read_lines(path / MANIFEST_FILE)
    lines = (line for line in lines if (path / line["file"]).is_file())
    return {(line["source"], line["copy"]): line for line in lines}


def add_picture(
    path: pathlib.Path, simulated: bool, line: Mapping, pixels: np.ndarray
) -> dict:
    """Stores a picture, `(H, W, 3)` uint8 RGB, and its line in a run's folder.

    The line has `source`, `copy` and `status`; it is returned with `file`,
    `sha256` and, of simulated frames, `simulated`. Raises KerasPainError where
    the folder cannot be written to.
    """
    coded = inputs.encode_png(pixels)
    kind = marked("images" if line["status"] == GOOD else REJECTED, simulated)
    name = f"{line['source']}_{line['copy']:02d}.png"
    # By its own name, too, so that a copied picture can be told.
    file = (kind / marked(name, simulated)).as_posix()
    digest = hashlib.sha256(coded).hexdigest()
    mark = {"simulated": True} if simulated else {}
    line = {"file": file, "sha256": digest, **mark, **line}
    write_file(path / file, coded, _FULL)
    text = json.dumps(line, allow_nan=False) + "\n"
    manifest = path / MANIFEST_FILE
    try:
        with open(manifest, "ab") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise unwritable(manifest, error, _FULL) from error
    return line


def read_run(folder: str | os.PathLike) -> dict:
    """`settings`, `simulated` and `begun_with` of a run's folder.

    Raises ConfigurationError where the folder is not one of a run; BadFileError
    where its `run.json` is damaged.
    """
    path = pathlib.Path(folder) / RUN_FILE
    if not path.is_file():
        problem = f"holds other files and no {RUN_FILE} of this command"
        raise ConfigurationError(f"{folder}: {problem}; {_ANOTHER}")
    with reading(path, "is not of this command", _ANOTHER):
        run = json.loads(path.read_bytes())
        types = type(run["settings"]), type(run["simulated"])
        if run["format"] != FORMAT or types != (dict, bool):
            raise ValueError("another format")
        first_difference(run["settings"], {})  # it is not too deep
        return run


def read_lines(path: pathlib.Path) -> tuple[list[dict], bytes]:
    """The whole lines of a manifest, none if it is missing, and their bytes.

    A last line that a killed run left unfinished is not among them. Raises
    BadFileError where another is damaged, or the file cannot be read.
    """
    with reading(path, cure="see who may read it"):
        content = path.read_bytes() if path.exists() else b""
    content = content[: content.rfind(b"\n") + 1]
    lines = []
    for number, text in enumerate(content.splitlines(), 1):
        cure = "delete this line; its picture is made anew"
        with reading(path, f"line {number} is damaged", cure):
            line = json.loads(text)
            for name, kind in _LINE.items():
                if not isinstance(line[name], kind):
                    raise TypeError(f"{name} is {line[name]!r}")
            file = pathlib.PurePosixPath(line["file"])
            if file.is_absolute() or ".." in file.parts:
                raise ValueError(f"{file} is outside of the folder")
            # A name that no file can have raises here.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.lstat(path.parent / file)
            lines.append(line)
    return lines, content


def _json(value) -> bytes:
    # A manifest that was edited may have led to keys of several types.
    plain = json.loads(json.dumps(value))
    return f"{json.dumps(plain, indent=1, sort_keys=True)}\n".encode()


@matplotlib.rc_context(STYLE)
def contact_sheet(
    path: pathlib.Path, sources: Sequence[inputs.Source]
) -> pathlib.Path:
    """Draws some sources of a run, each with its first pictures to its right.

    Returns the PNG file in the run's folder; raises BadFileError where a source
    is gone, and KerasPainError where the folder cannot be written to.
    """
    simulated, lines = read_run(path)["simulated"], _finished(path)
    width = min(2 + max(copy for _, copy in lines), _COLUMNS)
    names = {name for name, _ in lines}
    made = [source for source in sources if source.name in names]
    # Evenly spread over the frames, so that people and levels differ.
    beside = _COLUMNS // width  # groups in a row
    count = min(len(made), _ROWS * beside)
    beside = min(beside, count)
    rows = -(-count // beside)
    size = beside * width * _CELL, rows * (_CELL + 0.35) + 0.5
    figure = new_figure(*size)
    bare = {"xticks": [], "yticks": [], "frame_on": False}
    axes = figure.subplots(rows, beside * width, squeeze=False, subplot_kw=bare)

    def show(axis, coded, name, text, colour):
        axis.imshow(inputs.decode(coded, name)[0])
        axis.set_title(text, fontsize=8, color=colour)
        axis.set_frame_on(colour == "red")
        axis.spines[:].set(color=colour, linewidth=2)

    chosen = np.linspace(0, len(made) - 1, count).astype(int)
    groups = axes.reshape(-1, width)  # the last row may have room left
    for cells, index in zip(groups, chosen, strict=False):
        source = made[index]
        label = source.frame_id or source.name
        label = label if len(label) <= 22 else f"…{label[-21:]}"
        if source.pspi is not None:
            label += f"\nPSPI {source.pspi:g}"
        show(cells[0], source.read(), source.name, label, "black")
        for copy, cell in enumerate(cells[1:]):
            if line := lines.get((source.name, copy)):
                text, colour = f"overlap {line['iou']:.2f}", "0.4"
                if line["status"] == REJECTED:
                    text = f"rejected: {line['reason'].replace('_', ' ')}"
                    colour = "red"
                coded = (path / line["file"]).read_bytes()
                show(cell, coded, line["file"], text, colour)
    method = next(iter(lines.values()))["method"]
    sheet = marked(path / "contact_sheet.png", simulated)
    picture = png_of(figure, _TITLES.get(method, method), simulated)
    return write_file(sheet, picture, _FULL)
