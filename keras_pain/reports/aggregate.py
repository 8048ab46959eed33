"""From stored folds to the numbers of a table: over folds, then over seeds.

Everything is computed from the stored predictions, so that a table can be
drawn again without training.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.defects import (
    TEST_BATCH,
    score,
    scored_intensities,
)
from keras_pain.experiments.keys import FoldKey, canonical_json
from keras_pain.experiments.metrics import (
    CLASS_METRICS,
    SCALAR_METRICS,
    average,
    pool,
)
from keras_pain.experiments.regression import (
    REGRESSION_METRICS,
    average_regression,
    pool_regression,
)
from keras_pain.experiments.store import FoldResult, ResultStore


@dataclasses.dataclass(frozen=True)
class Score:
    """One number of a table.

    Args:
        mean: Mean over the seeds that define it; None where none does.
        sd: Sample standard deviation over those seeds; None below two.
        n_folds: Folds of one seed behind it: all of them when pooled, those
            that define it (the fewest of any seed) when averaged.
        n_seeds: Seeds behind it.
    """

    mean: float | None
    sd: float | None
    n_folds: int
    n_seeds: int


@dataclasses.dataclass(frozen=True)
class Group:
    """All folds and seeds of one method under one evaluation and protocol.

    Args:
        evaluation: `"holdout"` or `"loso"`.
        protocol: `"as_published"` or `"leak_free"`.
        method: Name of the method.
        found: Finished folds, over all seeds.
        wanted: Expected folds, over all seeds.
        num_folds: Expected folds of one seed.
        num_seeds: Expected seeds.
        scores: `(name, class index or None)` to score, names as `pool` and
            `average` give them, and `fit_seconds`; empty until all is found.
        confusion: `(K, K)` pooled counts, mean over seeds; None until all is
            found, and where intensities are predicted.
        jobs: Most folds that ran at once while one of these was fitted.
        environments: What `environment()` said in the folds found.
        fingerprints: Fingerprints of the data in the folds found.
    """

    evaluation: str
    protocol: str
    method: str
    found: int
    wanted: int
    num_folds: int
    num_seeds: int
    scores: Mapping[tuple[str, int | None], Score]
    confusion: np.ndarray | None
    jobs: int
    environments: tuple[dict, ...]
    fingerprints: frozenset[str]

    @property
    def complete(self) -> bool:
        return self.found == self.wanted


def collect(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Iterable[FoldKey],
    num_classes: int,
) -> dict[tuple[str, str, str], Group]:
    """Read all expected folds and compute every metric.

    Args:
        store: Where the folds are.
        expected: Folds that make the table complete. Where it maps them to
            their configurations, folds of another one are refused.
        num_classes: Number of classes; 0 where intensities are predicted.

    Returns:
        `(evaluation, protocol, method)` to group, in order of appearance.

    Raises:
        ConfigurationError: A fold is of another configuration, or folds come
            from different data.
        KerasPainError: A fold cannot be read.
    """
    groups: dict[tuple[str, str, str], list[FoldKey]] = {}
    for key in dict.fromkeys(expected):
        name = (key.evaluation, key.protocol, key.method)
        groups.setdefault(name, []).append(key)
    configs = expected if isinstance(expected, Mapping) else {}
    collected = {
        name: _group(store, name, keys, configs, num_classes)
        for name, keys in groups.items()
    }
    fingerprints = {f for g in collected.values() for f in g.fingerprints}
    if len(fingerprints) > 1:
        raise ConfigurationError(
            f"{store.root}: its folds come from different data (fingerprints "
            f"{', '.join(f[:12] for f in sorted(fingerprints))}); choose "
            "another --results_dir or delete this one"
        )
    return collected


def _group(
    store: ResultStore,
    name: tuple[str, str, str],
    keys: Sequence[FoldKey],
    configs: Mapping[FoldKey, Mapping],
    num_classes: int,
) -> Group:
    seeds: dict[int, list[FoldResult]] = {key.seed: [] for key in keys}
    present = set()
    for key in keys:
        if _is_complete(store, key, configs):
            present.add(key)
            seeds[key.seed].append(store.read(key))
    results = [result for seed in seeds.values() for result in seed]
    scores, confusion = {}, None
    if len(present) == len(keys):
        per_seed = [_seed_metrics(seed, num_classes) for seed in seeds.values()]
        scores = _over_seeds(per_seed, num_classes)
        if num_classes:
            confusion = np.mean(
                [m["pooled_confusion"] for m in per_seed], axis=0
            )
    environments = {
        canonical_json(environment): environment
        for result in results
        if (environment := result.result.get("environment"))
    }
    evaluation, protocol, method = name
    return Group(
        evaluation=evaluation,
        protocol=protocol,
        method=method,
        found=len(present),
        wanted=len(keys),
        num_folds=len({key.fold for key in keys}),
        num_seeds=len(seeds),
        scores=scores,
        confusion=confusion,
        jobs=max((_timings(r).get("jobs") or 1 for r in results), default=1),
        environments=tuple(environments[k] for k in sorted(environments)),
        fingerprints=frozenset(
            fingerprint
            for result in results
            if (fingerprint := _fingerprint(result))
        ),
    )


def _is_complete(store, key, configs) -> bool:
    if key in configs:
        return store.status(key, configs[key]) == "complete"
    return store.contains(key)


def _seed_metrics(folds: Sequence[FoldResult], num_classes: int) -> dict:
    predictions = [fold.predictions for fold in folds]
    # Some known defects are of the scoring, not of the training.
    defects = folds[0].config.get("defects", ())
    batch = folds[0].config.get("test_batch", TEST_BATCH)
    scored = functools.partial(score, defects=defects, batch_size=batch)
    kind = "probabilities" if num_classes else "y_pred"
    per_fold = [scored(p["y_true"], p[kind], num_classes) for p in predictions]
    if num_classes:
        pooled = pool(predictions, num_classes, scored)
        averaged = average(per_fold)
    else:
        pairs = [
            scored_intensities(p["y_true"], p[kind], defects, batch)
            for p in predictions
        ]
        pooled = pool_regression(
            [{"y_true": y, kind: predicted} for y, predicted in pairs]
        )
        averaged = average_regression(per_fold)
    seconds = [_timings(fold).get("fit_seconds") for fold in folds]
    known = [value for value in seconds if value is not None]
    return {
        **pooled,
        **averaged,
        "n": len(folds),
        "fit_seconds": float(np.mean(known)) if known else None,
        "fit_folds": len(known),
    }


def _over_seeds(per_seed: Sequence[dict], num_classes: int) -> dict:
    """Scores of every metric, from one dict of metrics a seed."""
    scores = {}

    def add(name, index, count):
        values = [
            m[name] if index is None else m[name][index] for m in per_seed
        ]
        defined = [value for value in values if value is not None]
        several = len(defined) > 1
        scores[name, index] = Score(
            float(np.mean(defined)) if defined else None,
            float(np.std(defined, ddof=1)) if several else None,
            min(count(metrics) for metrics in per_seed),
            len(defined),
        )

    for metric in SCALAR_METRICS if num_classes else REGRESSION_METRICS:
        add(f"pooled_{metric}", None, lambda m: m["n"])
        add(
            f"fold_mean_{metric}",
            None,
            lambda m, metric=metric: m["fold_mean_n"][metric],
        )
    for metric in CLASS_METRICS:
        for index in range(num_classes):
            add(f"pooled_{metric}", index, lambda m: m["n"])
            add(
                f"fold_mean_{metric}",
                index,
                lambda m, metric=metric, index=index: m["fold_mean_n"][metric][
                    index
                ],
            )
    add("fit_seconds", None, lambda m: m["fit_folds"])
    return scores


def _timings(fold: FoldResult) -> Mapping:
    return fold.result.get("timings") or {}


def _fingerprint(fold: FoldResult) -> str:
    dataset = fold.config.get("dataset")
    dataset = dataset if isinstance(dataset, Mapping) else {}
    return dataset.get("fingerprint") or fold.result.get("fingerprint") or ""
