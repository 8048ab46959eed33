"""What tables and figures ask of the groups of folds."""

from collections.abc import Mapping

from keras_pain.experiments.keys import canonical_json
from keras_pain.reports.aggregate import Group, Score
from keras_pain.reports.spec import RowSpec, TableSpec

Groups = Mapping[tuple[str, str, str], Group]

NOTHING = "–"

_ORDER = ("as_published", "leak_free")
_EVALUATIONS = {
    "holdout": "Hold-out",
    "loso": "Leave one subject out",
    "cv5": "Five-fold cross-validation",
}


def evaluation_name(evaluation: str) -> str:
    """What readers call an evaluation."""
    return _EVALUATIONS.get(evaluation, evaluation)


def all_rows(spec: TableSpec, groups: Groups) -> list[RowSpec]:
    """The table's rows, and one for every further method that was run."""
    rows = list(spec.rows)
    known = {(row.evaluation, row.method) for row in rows}
    for evaluation, _, method in groups:
        if (evaluation, method) not in known:
            known.add((evaluation, method))
            rows.append(RowSpec(method, method, evaluation))
    return rows


def protocols(groups: Groups, evaluation: str) -> list[str]:
    """Protocols of one evaluation, `as_published` first."""
    found = {name for e, name, _ in groups if e == evaluation}
    return [p for p in _ORDER if p in found] + sorted(found - set(_ORDER))


def has_several_folds(groups: Groups, evaluation: str) -> bool:
    """Whether pooling and averaging over folds differ."""
    return any(
        group.num_folds > 1
        for group in groups.values()
        if group.evaluation == evaluation
    )


def score(
    group: Group | None, name: str, class_index: int | None = None
) -> Score | None:
    """The group's score, or None where it is not run or not complete."""
    return None if group is None else group.scores.get((name, class_index))


def environments(groups: Groups) -> list[dict]:
    """What the folds say they ran on, without repetition."""
    found = {
        canonical_json(e): e for g in groups.values() for e in g.environments
    }
    return [found[text] for text in sorted(found)]


def fingerprint(groups: Groups) -> str:
    """Fingerprint of the data behind all folds, or ""."""
    return next(
        (f for g in groups.values() for f in sorted(g.fingerprints)), ""
    )


def progress(group: Group) -> str:
    """How much of an unfinished row is there."""
    return f"{group.found}/{group.wanted} folds"


def number(value: Score, digits: int) -> str:
    """Mean, and standard deviation where there is one."""
    text = f"{value.mean:.{digits}f}"
    return text if value.sd is None else f"{text} ± {value.sd:.{digits}f}"
