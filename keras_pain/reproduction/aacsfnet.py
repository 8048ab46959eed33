"""What stands beside table 10: levels, people, two trainings, attention."""

from pathlib import Path

import numpy as np

from keras_pain.data.clip_feed import Jitter, decoded_frames
from keras_pain.data.clips import ClipSet
from keras_pain.experiments.aacsfnet_defects import AS_CODED
from keras_pain.experiments.clip_methods import ClipOptions
from keras_pain.experiments.imbalance import balanced_feed
from keras_pain.experiments.keys import FoldKey
from keras_pain.experiments.protocols import LEAK_FREE, Protocol
from keras_pain.experiments.runner import Task, task_windows
from keras_pain.interpret.aacsfnet import FaceAttention, attention_maps
from keras_pain.reports.face_attention import AttendedFace, plot_attended_faces
from keras_pain.reports.intensity_levels import (
    plot_levels,
    scored_runs,
    write_levels,
)
from keras_pain.reports.relative_loss import RelativeLoss, plot_relative_losses
from keras_pain.reproduction.finished import FinishedRun, table_report

METHOD = "aacsfnet"
AS_PUBLISHED = Protocol("as_published", "as_published", AS_CODED)
# Released code: flips, nothing else.
FLIPS = ClipOptions(jitter=Jitter(flip=0.5, shift=0.0))
_NAMES = {
    LEAK_FREE.name: "corrected (leak_free)",
    AS_PUBLISHED.name: "as coded (as_published)",
}
_FACES = 3


def aacsfnet_report(run: FinishedRun) -> list[Path]:
    """Writes the table and its figures, then all that is AACSFNet's own.

    Returns:
        Paths of all files, the table's Markdown first.
    """
    paths = table_report(run)
    figures = run.results_dir / "figures"
    simulated = run.prepared.simulated
    runs = scored_runs(run.table, run.store, run.expected)
    paths += write_levels(runs, run.results_dir, simulated=simulated)
    paths += [
        plot_levels(
            runs,
            f"{run.table.title}: errors by level, correlation by person",
            figures / "levels.png",
            simulated=simulated,
        ),
        compare_trainings(run, figures / "corrected_against_as_coded.png"),
        draw_attention(run, figures / f"attention_{METHOD}.png"),
    ]
    return [path for path in paths if path is not None]


def compare_trainings(run: FinishedRun, path: Path) -> Path | None:
    """The corrected network's training beside that of the released code.

    Both are of the people whom both protocols have tested, one training each.
    Who chooses the epoch differs, so that losses are put in ratio to those of
    the mean of the training samples.

    Args:
        run: The folds.
        path: Where to write.

    Returns:
        The path written, None where no person is finished in both.
    """
    tasks = {
        (task.key.protocol, task.key.seed, task.key.fold): task
        for task in run.tasks
        if task.key.method == METHOD and run.store.contains(task.key)
    }
    seen = [
        {(seed, fold) for p, seed, fold in tasks if p == protocol}
        for protocol in _NAMES
    ]
    both = sorted(set.intersection(*seen))
    if not both:
        return None
    return plot_relative_losses(
        [
            _relative(run, tasks[protocol, *which])
            for protocol in _NAMES
            for which in both
        ],
        f"{run.table.title}: {METHOD}, a training for each of {len(both)} "
        "people left out",
        path,
        simulated=run.prepared.simulated,
    )


def _relative(run: FinishedRun, task: Task) -> RelativeLoss:
    samples = task_windows(task, run.windows)
    train = _real(samples, task.fold.train).y.astype(np.float64)
    chooses = _real(samples, task.fold.validation).y.astype(np.float64)
    balance = task.config["method"]["options"]["balance"]
    feed = balanced_feed(train, balance)
    shares = next(iter(feed.values()), np.ones(len(train)))
    mean = np.average(train, weights=shares)
    history = run.store.read(task.key).result["history"]
    return RelativeLoss(
        f"{_NAMES[task.key.protocol]}, learning rate "
        f"{task.config['method']['recipe']['learning_rate']:g}",
        [epoch["loss"] for epoch in history],
        [epoch["val_loss"] for epoch in history],
        float(np.average((train - mean) ** 2, weights=shares)),
        float(np.mean((chooses - mean) ** 2)),
    )


def draw_attention(run: FinishedRun, path: Path) -> Path | None:
    """Where the corrected AACSFNet looks on three faces of rising intensity.

    They are of the finished fold of `leak_free` whose tested person shows the
    most levels.

    Args:
        run: The folds.
        path: Where to write.

    Returns:
        The path written, None where there is no such fold with its network.
    """
    samples = run.windows.get(LEAK_FREE.name)
    best: tuple[FoldKey, ClipSet] | None = None
    for task in run.tasks:
        key = task.key
        if (key.method, key.protocol) != (METHOD, LEAK_FREE.name):
            continue
        if not (run.store.path(key) / "model.keras").exists():
            continue
        test = _real(samples, task.fold.test)
        if best is None or _levels(test) > _levels(best[1]):
            best = key, test
    if best is None:
        return None
    import keras

    # Its layers register themselves when the registry is imported.
    import keras_pain.models.registry  # noqa: F401

    key, test = best
    model = keras.models.load_model(run.store.path(key) / "model.keras")
    chosen = test.take(rising(test.y))
    (pictures,) = decoded_frames(test.frames, chosen.first, test.size)
    found = attention_maps(model, pictures.astype(np.float32))
    predicted = model.predict(pictures.astype(np.float32), verbose=0)[:, 0]
    faces = [
        AttendedFace(
            f"PSPI {chosen.y[i]:g}, predicted {float(predicted[i]):z.1f}",
            pictures[i],
            _maps(found, i),
        )
        for i in range(len(chosen))
    ]
    return plot_attended_faces(
        faces,
        f"{METHOD} on {key.fold}, who was left out: attention",
        path,
        simulated=run.prepared.simulated,
    )


def _real(samples: ClipSet, people) -> ClipSet:
    """Their frames without the generated ones, which are for training."""
    chosen = samples.of_subjects(people)
    return chosen.take(~chosen.generated)


def _levels(samples: ClipSet) -> tuple[int, float]:
    return len(np.unique(samples.y)), float(samples.y.max())


def rising(y: np.ndarray, count: int = _FACES) -> np.ndarray:
    """Positions of samples whose intensities rise from least to most.

    Args:
        y: `(n,)` intensities.
        count: How many are wanted.

    Returns:
        At most `count` positions, no level twice: the first sample of each of
        the levels nearest to equal steps.
    """
    levels, first = np.unique(y, return_index=True)
    wanted = np.linspace(levels[0], levels[-1], count)
    nearest = np.abs(levels[None, :] - wanted[:, None]).argmin(axis=1)
    return first[np.unique(nearest)]


def _maps(found: FaceAttention, index: int) -> dict[str, np.ndarray]:
    maps = {"hybrid attention,\nover the face": found.spatial[index]}
    for (asking, asked), weights in found.patches.items():
        name = f"patches of {asking} px\nask those of {asked} px"
        maps[name] = weights[index]
    return maps
