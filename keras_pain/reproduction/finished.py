"""What a report gets when the folds of a script are run, and the usual one."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from keras_pain.data.prepare import PreparedDataset
from keras_pain.data.windows import WindowSet
from keras_pain.experiments.keys import FoldKey
from keras_pain.experiments.runner import Task
from keras_pain.experiments.store import ResultStore
from keras_pain.reports.tables import TableSpec, write_table
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.figures import write_figures


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """The folds of one script, as far as they are run.

    Args:
        experiment: The declaration.
        table: Its table, with the user's methods.
        tasks: All folds that it consists of.
        store: Where they are.
        windows: Unscaled windows, by protocol.
        prepared: The data set.
        results_dir: Folder for the report.
        header: Lines that a reader has to know before the first number.
        subject_lists: Files with the people of every fold.
    """

    experiment: Experiment
    table: TableSpec
    tasks: tuple[Task, ...]
    store: ResultStore
    windows: Mapping[str, WindowSet]
    prepared: PreparedDataset
    results_dir: Path
    header: tuple[str, ...]
    subject_lists: tuple[Path, ...]

    @property
    def expected(self) -> dict[FoldKey, dict]:
        """The folds and their configurations."""
        return {task.key: task.config for task in self.tasks}


def table_report(run: FinishedRun) -> list[Path]:
    """Writes the table and the figures beside it.

    Returns:
        Paths of all files, the table's Markdown first.
    """
    paths = write_table(
        run.table,
        run.store,
        run.expected,
        run.results_dir,
        corpus=run.prepared.corpus,
        simulated=run.prepared.simulated,
        header=run.header,
        subject_lists=[path.name for path in run.subject_lists],
    )
    paths += write_figures(
        run.table,
        run.store,
        run.expected,
        run.windows,
        run.results_dir / "figures",
        simulated=run.prepared.simulated,
        attention=run.experiment.attention,
    )
    return paths
