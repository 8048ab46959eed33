"""Which folds of which methods a table needs, in the order they run."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

from keras_pain.experiments.defects import (
    TEST_BATCH,
    resolve_defects,
    settings_with,
)
from keras_pain.experiments.methods import (
    Method,
    method_config,
    plain_name,
    resolve_method,
)
from keras_pain.experiments.protocols import (
    STANDARD_PROTOCOLS,
    Fold,
    Protocol,
    Subject,
    make_folds,
)
from keras_pain.experiments.provenance import environment
from keras_pain.experiments.store import FoldKey


@dataclasses.dataclass(frozen=True)
class Task:
    """One fold of one method and seed.

    Args:
        key: Its place in the store.
        method: As `resolve_method` takes it.
        fold: The people, as this method uses them under the protocol.
        outer_fold: The people of the protocol, the same for all methods.
        number: Number of the fold.
        config: Everything that its result depends on.
        options: Arguments of `resolve_method`.
        previous: The fold whose network this one goes on with, if any.
    """

    key: FoldKey
    method: str
    fold: Fold
    outer_fold: Fold
    number: int
    config: dict
    options: dict
    previous: FoldKey | None = None


def plan(
    subjects: Sequence[Subject] | Mapping[str, Sequence[Subject]],
    *,
    evaluations: Mapping[str, Iterable[str]],
    protocols: Iterable[Protocol | str],
    seeds: Iterable[int],
    dataset: Mapping,
    epochs: int | None = None,
    extra: Mapping | None = None,
    num_folds: int | None = None,
) -> list[Task]:
    """All folds that a table needs, in the order in which they run.

    Args:
        subjects: Subjects with windows; a mapping has them by protocol, where
            protocols differ in their windows.
        evaluations: For each evaluation, the names of its methods.
        protocols: Protocols, or names of the two standard ones.
        seeds: Seeds.
        dataset: What identifies the data, for the config; its entry `windows`
            are the windows' settings without any defect.
        epochs: Replaces the recipes' epochs where given.
        extra: Further arguments of every method of the suite.
        num_folds: See `make_folds`.

    Returns:
        Tasks; those that share a fold's data follow each other.
    """
    standard = {protocol.name: protocol for protocol in STANDARD_PROTOCOLS}
    protocols = [standard.get(p, p) for p in protocols]
    versions = environment()["versions"]
    seeds = tuple(seeds)
    tasks = []
    for (evaluation, names), protocol in itertools.product(
        evaluations.items(), protocols
    ):
        defects = resolve_defects(protocol.defects)
        continues = any(defect.continues for defect in defects)
        people = subjects
        if isinstance(subjects, Mapping):
            people = subjects[protocol.name]
        folds = make_folds(
            people, evaluation, protocol.base, num_folds=num_folds
        )
        for defect in defects:
            if defect.folds is not None:
                folds = defect.folds(folds)
        settings = settings_with(protocol.defects, dataset.get("windows", {}))
        scoring = {}
        if any(defect.scored is not None for defect in defects):
            scoring["test_batch"] = _test_batch(extra or {})
        methods = []
        for name in names:
            # One traced network serves all folds of a process.
            options = {"epochs": epochs, "reuse": True, **(extra or {})}
            for defect in defects:
                options |= defect.arguments.get(plain_name(name), {})
            methods.append((name, options, resolve_method(name, **options)))
        for seed, (number, fold) in itertools.product(seeds, enumerate(folds)):
            for name, options, method in methods:
                used = method_fold(fold, method, protocol)
                config = {
                    "dataset": {**dataset, "windows": settings},
                    "evaluation": evaluation,
                    "protocol": protocol.name,
                    "defects": list(protocol.defects),
                    **scoring,
                    "subjects": dataclasses.asdict(used),
                    "method": method_config(method, name),
                    "seed": seed,
                    # Others may change a result: folds of different
                    # versions do not share a table.
                    "versions": versions,
                }
                key = FoldKey(
                    evaluation, protocol.name, method.name, seed, fold.name
                )
                before = None
                if continues and number and _can_continue(method):
                    last = folds[number - 1].name
                    before = dataclasses.replace(key, fold=last)
                tasks.append(
                    Task(key, name, used, fold, number, config, options, before)
                )
    return tasks


def method_fold(fold: Fold, method: Method, protocol: Protocol) -> Fold:
    """The fold as a method uses it under a protocol.

    Who chooses no epoch has no use for subjects set aside for that: it trains
    on them, so that its two protocols differ by nothing.
    """
    chooses = getattr(method, "chooses_epoch", True)
    if protocol.base == "leak_free" and not chooses:
        train = tuple(sorted({*fold.train, *fold.validation}))
        fold = dataclasses.replace(fold, train=train)
    for defect in resolve_defects(protocol.defects):
        if defect.fold is not None:
            fold = defect.fold(fold)
    return fold


def _test_batch(options: Mapping) -> int:
    """Samples that are tested at once: as many as are trained on."""
    chosen = getattr(options.get("options"), "batch_size", None)
    return chosen or TEST_BATCH


def _can_continue(method: Method) -> bool:
    """Whether a method has a network that another fold can go on with."""
    return getattr(method, "continue_from", None) is not None
