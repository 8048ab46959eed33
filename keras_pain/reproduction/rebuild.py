"""A finished fold's data again, from nothing but its results folder."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from keras_pain.data.channels import arranged
from keras_pain.data.prepare import load_recordings
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments.defects import resolve_defects
from keras_pain.experiments.fold_data import FoldData, prepare_fold
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.runner import fold_seed
from keras_pain.experiments.store import FoldKey, FoldResult, ResultStore
from keras_pain.models.registry import MODELS
from keras_pain.reproduction.material import Windows, chosen_recordings
from keras_pain.reproduction.run import RUN_FILE

__all__ = ["FinishedFold", "finished_folds", "rebuild_fold"]


@dataclasses.dataclass(frozen=True)
class FinishedFold:
    """A finished fold and its data, as its method took them.

    Args:
        key: The fold.
        result: What the store holds of it.
        data: Scaled windows; channels in the order of the method.
        raw_test: Its test windows before scaling, in the same order.
        recordings: Recording name to recording.
        corpus: Name of the corpus.
        simulated: Whether it is simulated.
    """

    key: FoldKey
    result: FoldResult
    data: FoldData
    raw_test: WindowSet
    recordings: Mapping[str, Mapping]
    corpus: str
    simulated: bool


def finished_folds(results_dir) -> list[FoldKey]:
    """Keys of the finished folds of a results folder.

    Raises:
        ConfigurationError: There is no such folder, or no finished fold in it.
    """
    if not Path(results_dir).is_dir():
        raise ConfigurationError(
            f"{results_dir}: there is no such folder; give the results folder "
            "of a reproduce script, e.g. results/table8_lsfan"
        )
    keys = ResultStore(results_dir).completed()
    if not keys:
        raise ConfigurationError(
            f"{results_dir}: holds no finished fold; give the results folder "
            "of a reproduce script, e.g. results/table8_lsfan"
        )
    return keys


def rebuild_fold(
    results_dir, key: FoldKey, with_joints: bool = False
) -> FinishedFold:
    """Cuts, splits and scales the data of a fold as its run did.

    Args:
        results_dir: Results folder of a reproduce script.
        key: A finished fold of it.
        with_joints: Whether recordings come with their joint positions.

    Returns:
        The fold and its data.

    Raises:
        KerasPainError: The fold, the note on its data, or the data are not
            there, or the data were built anew from other files.
    """
    result = ResultStore(results_dir).read(key)
    note = _read_note(Path(results_dir) / RUN_FILE)
    dataset = result.config["dataset"]
    if dataset["fingerprint"] != note["fingerprint"]:
        raise KerasPainError(
            f"{results_dir}: fold {key.fold} was run on other data than "
            f"{RUN_FILE} names; run the script again"
        )
    recordings = chosen_recordings(
        load_recordings(note["dataset"], with_joints=with_joints),
        dataset.get("where", {}),
        dataset.get("smoke", False),
    )
    windows = Windows().cut(
        recordings, dataset["windows"], dataset.get("smoke", False)
    )
    defects = result.config.get("defects", ())
    for defect in resolve_defects(defects):
        if defect.windows is not None:
            windows = defect.windows(windows, key.seed)
    fold = Fold(**{k: _tuple(v) for k, v in result.config["subjects"].items()})
    data = prepare_fold(
        windows,
        fold,
        fold_seed(key.seed, result.result["fold_number"]),
        dataset.get("augmentation", "balanced"),
        # Copies of test windows say nothing more about a network.
        [name for name in defects if name != "augmented_copies_tested"],
    )
    entry = MODELS.get(key.method)
    order = entry.channel_order if entry else "canonical"
    parts = {
        field.name: arranged(getattr(data, field.name), order)
        for field in dataclasses.fields(FoldData)
    }
    return FinishedFold(
        key=key,
        result=result,
        data=FoldData(**parts),
        raw_test=arranged(windows.of_subjects(fold.test), order),
        recordings={r["recording"]: r for r in recordings},
        corpus=note["corpus"],
        simulated=note["simulated"],
    )


def _read_note(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise KerasPainError(
            f"{path}: is missing, so it is not known where the data are; run "
            "the reproduce script again (finished folds are kept)"
        ) from None
    except ValueError as error:
        raise KerasPainError(
            f"{path}: cannot be read ({error}); run the reproduce script again"
        ) from error


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value
