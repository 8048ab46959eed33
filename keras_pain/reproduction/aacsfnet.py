"""What stands beside table 10: levels, people, two trainings, attention."""

from pathlib import Path

import numpy as np

from keras_pain.data.clips import decoded_frames
from keras_pain.experiments.defects import AACSFNET_AS_CODED
from keras_pain.experiments.optim import balanced_feed
from keras_pain.experiments.protocols import LEAK_FREE, Protocol
from keras_pain.experiments.runner import task_samples
from keras_pain.explain.attention import face_attention
from keras_pain.explain.figures import AttendedFace, plot_attended_faces
from keras_pain.reports import figures
from keras_pain.reproduction import run as runs
from keras_pain.reproduction.run import FinishedRun

METHOD = "aacsfnet"
AS_PUBLISHED = Protocol("as_published", "as_published", AACSFNET_AS_CODED)
_NAMES = {
    LEAK_FREE.name: "corrected (leak_free)",
    AS_PUBLISHED.name: "as coded (as_published)",
}


def aacsfnet_report(run: FinishedRun) -> list[Path]:
    """Writes the table and its figures, then all that is AACSFNet's own.

    Returns paths of all files, the table's Markdown first.
    """
    paths, folder = runs.table_report(run), run.results_dir / "figures"
    mark = {"simulated": run.prepared.simulated}
    scored = figures.scored_runs(run.table, run.store, run.expected)
    paths += figures.write_levels(scored, run.results_dir, **mark)
    title = f"{run.table.title}: errors by level, correlation by person"
    paths += [
        figures.plot_levels(scored, title, folder / "levels.png", **mark),
        compare_trainings(run, folder / "corrected_against_as_coded.png"),
        draw_attention(run, folder / f"attention_{METHOD}.png"),
    ]
    return [path for path in paths if path is not None]


def compare_trainings(run: FinishedRun, path: Path) -> Path | None:
    """The corrected network's training beside that of the released code.

    Both are of the people whom both protocols have tested, one training each.
    Each protocol validates on other samples (as coded on the tested, which
    choose nothing), so that losses are put in ratio to those of the mean of the
    training samples. Returns None where no person is finished in both.
    """
    tasks: dict[str, dict] = {name: {} for name in _NAMES}
    for task in run.tasks:
        if task.key.method == METHOD and run.store.contains(task.key):
            tasks[task.key.protocol][task.key.seed, task.key.fold] = task
    both = sorted(set.intersection(*map(set, tasks.values())))
    if not both:
        return None
    chosen = [found[fold] for found in tasks.values() for fold in both]
    what = f"AACSFNet, a training for each of {len(both)} people left out"
    losses = [_relative(run, task) for task in chosen]
    title, mark = f"{run.table.title}: {what}", run.prepared.simulated
    return figures.plot_relative_losses(losses, title, path, simulated=mark)


def _relative(run, task) -> figures.RelativeLoss:
    samples = task_samples(task, run.samples)
    train = _real(samples, task.fold.train).y.astype(np.float64)
    held = _real(samples, task.fold.validation).y.astype(np.float64)
    method = task.config["method"]
    feed = balanced_feed(train, method["options"]["balance"])
    shares = next(iter(feed.values()), np.ones(len(train)))
    mean = np.average(train, weights=shares)
    history = run.store.read(task.key).result["history"]
    return figures.RelativeLoss(
        f"{_NAMES[task.key.protocol]}, learning rate "
        f"{method['recipe']['learning_rate']:g}",
        [epoch["loss"] for epoch in history],
        [epoch["val_loss"] for epoch in history],
        float(np.average((train - mean) ** 2, weights=shares)),
        float(np.mean((held - mean) ** 2)),
    )


def draw_attention(run: FinishedRun, path: Path) -> Path | None:
    """Where the corrected AACSFNet looks on three faces of rising intensity.

    They are of the finished fold of `leak_free` whose tested person shows the
    most levels. Returns None where there is no such fold with its network.
    """

    def levels(found):
        return len(np.unique(found[1].y)), found[1].y.max()

    tested = [
        (task.key, _real(run.samples[LEAK_FREE.name], task.fold.test))
        for task in run.tasks
        if (task.key.method, task.key.protocol) == (METHOD, LEAK_FREE.name)
        and (run.store.path(task.key) / "model.keras").exists()
    ]
    if not tested:
        return None
    key, test = max(tested, key=levels)
    model = runs.stored_network(run.store, key)
    chosen = test.take(rising(test.y))
    (pictures,) = decoded_frames(test.frames, chosen.first, test.size)
    x = pictures.astype(np.float32)
    spatial, patches = face_attention(model, x)
    predicted = model.predict(x, verbose=0)[:, 0]
    faces = []
    for i, picture in enumerate(pictures):
        maps = {"hybrid attention,\nover the face": spatial[i]}
        for (asking, asked), weights in patches.items():
            name = f"patches of {asking} px\nask those of {asked} px"
            maps[name] = weights[i]
        title = f"PSPI {chosen.y[i]:g}, predicted {float(predicted[i]):z.1f}"
        faces.append(AttendedFace(title, picture, maps))
    title = f"AACSFNet on {key.fold}, who was left out: attention"
    simulated = run.prepared.simulated
    return plot_attended_faces(faces, title, path, simulated=simulated)


def _real(samples, people):
    """Their frames without the generated ones, which are for training."""
    chosen = samples.of_subjects(people)
    return chosen.take(~chosen.generated)


def rising(y: np.ndarray) -> np.ndarray:
    """Positions of at most three samples of rising intensities `y`, `(n,)`.

    No level comes twice: the first sample of each of the levels nearest to
    equal steps from the least to the most.
    """
    levels, first = np.unique(y, return_index=True)
    wanted = np.linspace(levels[0], levels[-1], 3)
    nearest = np.abs(levels[None, :] - wanted[:, None]).argmin(axis=1)
    return first[np.unique(nearest)]
