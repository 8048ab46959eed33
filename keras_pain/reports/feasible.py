"""Which confusion matrices fit the metrics that a paper prints.

A matrix fits if its metrics round to the printed digits; where none does, the
numbers cannot be of one test of so many samples. The search is exact.
"""

import dataclasses
import decimal
from collections.abc import Mapping, Sequence

import numpy as np

from keras_pain.errors import ConfigurationError

SCALAR = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc")
BY_CLASS = ("f1", "precision", "recall")
_MOST = 400_000_000  # cells of three classes that are looked at
_CHUNK = 4_000_000
_EDGE = 1e-12  # of numbers that lie on a rounding's edge


@dataclasses.dataclass(frozen=True)
class Claim:
    """A printed number: `name` is a metric, `label` the class it is of.

    `low` and `high` are what rounds to it, edges included.
    """

    name: str
    label: int | None
    text: str
    low: float
    high: float

    @classmethod
    def of(cls, name: str, label: int | None, text: str) -> "Claim":
        """A number as it is printed, `"0.851"`, `".85"` or `"85.1%"`.

        Raises ConfigurationError where it is none.
        """
        flag = f"--{name.replace('_', '-')}"
        plain = text.strip()
        scale = decimal.Decimal(1)
        if plain.endswith("%"):
            plain, scale = plain[:-1], decimal.Decimal(100)
        try:
            value = decimal.Decimal(plain)
            half = decimal.Decimal((0, (5,), value.as_tuple().exponent - 1))
        except (decimal.InvalidOperation, TypeError):
            raise ConfigurationError(
                f"{flag}: {text!r} is no number as it is printed, e.g. 0.851"
            ) from None
        low, high = ((value + sign * half) / scale for sign in (-1, 1))
        least = -1 if name == "mcc" else 0
        if not least <= value / scale <= 1:
            cure = "; write 85.1% for a percentage" if value > 1 else ""
            problem = f"{flag}: {text!r} is not between {least} and 1{cure}"
            raise ConfigurationError(problem)
        edge = decimal.Decimal(_EDGE)
        return cls(name, label, text, float(low - edge), float(high + edge))

    def __str__(self) -> str:
        of = "" if self.label is None else f" of class {self.label}"
        return f"{self.name}{of} {self.text}"


def claims_of(
    counts: Sequence[int], printed: Mapping[str, Sequence[str]]
) -> list[Claim]:
    """Claims by the names of `SCALAR` and `BY_CLASS`.

    Of `printed`, scalar metrics have one text, others one a class, in which an
    empty one or `-` says nothing. ConfigurationError where they do not fit.
    """
    found = []
    for name, texts in printed.items():
        if name in SCALAR:
            found.append(Claim.of(name, None, texts[0]))
            continue
        if len(texts) != len(counts):
            raise ConfigurationError(
                f"--{name}: has {len(texts)} numbers, there are {len(counts)} "
                "classes; write - for one that is not printed"
            )
        for label, text in enumerate(texts):
            if text.strip() not in ("", "-"):
                found.append(Claim.of(name, label, text))
    return found


def metric(
    name: str, label: int | None, counts: Sequence[int], hits, predicted
) -> np.ndarray:
    """A metric of confusion matrices, by what it depends on.

    `hits` and `predicted` have an array a class: right predictions, and all
    predictions of it. What is undefined is 0, as scikit-learn prints it; MCC
    is Gorodkin's for three classes.
    """
    counts = [float(count) for count in counts]
    total = sum(counts)
    if name == "accuracy":
        return sum(hits) / total
    if name == "recall":
        return hits[label] / counts[label]
    if name == "balanced_accuracy":
        parts = zip(hits, counts, strict=True)
        return sum(h / n for h, n in parts) / len(counts)
    if name == "precision":
        return hits[label] / np.maximum(predicted[label], 1)
    if name == "f1":
        return 2 * hits[label] / (counts[label] + predicted[label])
    if name in ("macro_f1", "weighted_f1"):
        given = counts, hits, predicted
        each = [metric("f1", k, *given) for k in range(len(counts))]
        shares = [1 / len(counts)] * len(counts)
        if name == "weighted_f1":
            shares = [n / total for n in counts]
        return sum(s * f for s, f in zip(shares, each, strict=True))
    cross = sum(n * p for n, p in zip(counts, predicted, strict=True))
    above = sum(hits) * total - cross
    spread = total**2 - sum(p * p for p in predicted)
    spread = spread * (total**2 - sum(n * n for n in counts))
    return np.where(spread > 0, above / np.sqrt(np.maximum(spread, 1)), 0.0)


@dataclasses.dataclass(frozen=True)
class Feasible:
    """What fits.

    The number is that of confusion matrices of two classes; of three, of pairs
    of right and of all predictions, which several matrices may share. Ranges
    are of each scalar metric over all of them.
    """

    number: int
    examples: np.ndarray  # a few, (k, classes, 2): right and all predictions
    ranges: Mapping[str, tuple[float, float]]  # least and greatest value
    searched: bool = True  # False where there are too many to look at


def feasible(counts: Sequence[int], claims: Sequence[Claim]) -> Feasible:
    """All confusion matrices of two or three classes that fit the claims.

    `counts` are the true samples of each class. Raises ConfigurationError
    where there are fewer or more classes, or a class without samples.
    """
    if len(counts) not in (2, 3) or min(counts) < 1:
        raise ConfigurationError(
            f"--counts: {','.join(map(str, counts))} are not the samples of "
            "two or three classes, each with one or more"
        )
    search = _of_two if len(counts) == 2 else _of_three
    number, examples, ranges = 0, [], {}
    for hits, predicted in search(counts, claims):
        if hits is None:
            return Feasible(0, np.empty((0, len(counts), 2)), {}, False)
        if not len(hits[0]):
            continue
        number += len(hits[0])
        few = np.stack([hits, predicted]).T
        examples.append(few[:: max(len(few) // 5, 1)][:5])
        for name in SCALAR:
            values = metric(name, None, counts, hits, predicted)
            both = [*ranges.get(name, ()), values.min(), values.max()]
            ranges[name] = float(min(both)), float(max(both))
    if not number:
        return Feasible(0, np.empty((0, len(counts), 2)), {})
    examples = np.concatenate(examples)
    return Feasible(number, examples[:: max(len(examples) // 5, 1)][:5], ranges)


def _fits(claims, counts, hits, predicted):
    fits = np.ones(len(hits[0]), bool)
    for claim in claims:
        values = metric(claim.name, claim.label, counts, hits, predicted)
        fits &= (values >= claim.low) & (values <= claim.high)
    return fits


def _of_two(counts, claims):
    """For each number of hits of class 1, a run of hits of class 0 fits.

    Every metric grows with the hits of class 0 while those of class 1 stay (or
    does not depend on them), so that bisection finds the run's ends.
    """
    first, second = counts
    b = np.arange(second + 1)

    def values(claim, a):
        hits, predicted = (a, b), (a + second - b, b + first - a)
        return metric(claim.name, claim.label, counts, hits, predicted)

    low, high = np.zeros(len(b), np.int64), np.full(len(b), first)
    for claim in claims:
        ends = []
        for least, beyond in ((claim.low, False), (claim.high, True)):
            # The first hits whose metric is (greater than) the end.
            begin, end = np.zeros(len(b), np.int64), np.full(len(b), first + 1)
            while (open_ := begin < end).any():
                middle = (begin + end) // 2
                found = values(claim, np.minimum(middle, first))
                reached = found > least if beyond else found >= least
                reached &= middle <= first
                end = np.where(open_ & reached, middle, end)
                begin = np.where(open_ & ~reached, middle + 1, begin)
            ends.append(begin)
        low, high = np.maximum(low, ends[0]), np.minimum(high, ends[1] - 1)
    sizes = np.maximum(high - low + 1, 0)
    kept = np.flatnonzero(sizes)
    for part in np.array_split(kept, max(1, int(sizes.sum() // _CHUNK))):
        size = sizes[part]
        start = np.repeat(low[part] - np.cumsum(size) + size, size)
        a, c = np.arange(size.sum()) + start, np.repeat(b[part], size)
        yield (a, c), (a + second - c, c + first - a)


def _of_three(counts, claims):
    """Of each class the pairs of hits and predictions that fit; then joined."""
    total, pairs = sum(counts), []
    for label, count in enumerate(counts):
        grid = np.indices((count + 1, total + 1)).reshape(2, -1)
        hits, predicted = grid
        inside = (predicted >= hits) & (predicted <= hits + total - count)
        for claim in claims:
            if claim.label == label:
                given = {label: hits}, {label: predicted}
                found = metric(claim.name, label, counts, *given)
                inside &= (found >= claim.low) & (found <= claim.high)
        pairs.append(grid[:, inside].T)
    yield from _joined(counts, pairs, [c for c in claims if c.label is None])


def _joined(counts, pairs, claims):
    """Pairs of the three classes whose predictions add up to a matrix."""
    total = sum(counts)
    first, second, third = pairs
    # The third's pairs by their predictions, which the others leave over.
    third = third[np.argsort(third[:, 1], kind="stable")]
    places = np.searchsorted(third[:, 1], np.arange(total + 2))
    if len(first) * len(second) > _MOST:
        yield None, None
        return
    step = max(_CHUNK // max(len(second), 1), 1)
    looked = 0
    for begin in range(0, len(first), step):
        some = first[begin : begin + step]
        i, j = np.indices((len(some), len(second))).reshape(2, -1)
        left = total - some[i, 1] - second[j, 1]
        inside = (left >= 0) & (left <= total)
        i, j, left = i[inside], j[inside], left[inside]
        number = places[left + 1] - places[left]
        looked += int(number.sum())
        if looked > _MOST:
            yield None, None
            return
        rows = np.repeat(np.arange(len(i)), number)
        before = np.cumsum(number) - number
        k = np.arange(len(rows)) + np.repeat(places[left] - before, number)
        columns = some[i[rows]], second[j[rows]], third[k]
        hits, predicted = zip(*(c.T for c in columns), strict=True)
        wrong = total - sum(hits)
        fits = _fits(claims, counts, hits, predicted)
        for count, h, p in zip(counts, hits, predicted, strict=True):
            # Wrong predictions of a class are of samples of the others.
            fits &= (count - h) + (p - h) <= wrong
        yield [h[fits] for h in hits], [p[fits] for p in predicted]


def blamed(counts: Sequence[int], claims: Sequence[Claim]) -> list[Claim]:
    """Claims without any one of which the others fit together."""
    return [
        claim
        for claim in claims
        if feasible(counts, [c for c in claims if c is not claim]).number
    ]


def report(
    counts: Sequence[int], printed: Mapping[str, Sequence[str]], folds: int = 1
) -> str:
    """Plain text whose last line is the verdict.

    Means over `folds` are looked at as far as they say something about all
    samples: accuracy, where folds are of one size (to a sample). Of others a
    line says that they were not looked at.
    """
    if folds < 1:
        raise ConfigurationError(f"--folds must be 1 or more, got {folds}")
    claims, lines = claims_of(counts, printed), []
    total = sum(counts)
    if folds > 1:
        other = [claim for claim in claims if claim.name != "accuracy"]
        slack = folds / total
        claims = [
            dataclasses.replace(c, low=c.low - slack, high=c.high + slack)
            for c in claims
            if c.name == "accuracy"
        ]
        lines.append(
            f"means over {folds} folds, taken to be of one size: accuracy is "
            f"that of all samples to within {slack:.2g}"
        )
        if other:
            names = ", ".join(map(str, other))
            lines.append(f"not looked at, as a mean over folds: {names}")
    if not claims:
        return "\n".join([*lines, "cannot be checked: no metric is left"])
    of = ", ".join(f"{n} of class {k}" for k, n in enumerate(counts))
    lines.insert(0, f"{total} samples: {of}; {'; '.join(map(str, claims))}")
    found = feasible(counts, claims)
    if not found.searched:
        verdict = "cannot be checked: too many matrices to look at; give the "
        return "\n".join([*lines, f"{verdict}recall or F1 of each class"])
    if not found.number:
        alone = blamed(counts, claims)
        if alone and len(claims) > 1:
            names = " or ".join(map(str, alone))
            lines.append(f"the rest fits if one is left out: {names}")
        return "\n".join([*lines, "cannot hold: no confusion matrix fits"])
    for hits in found.examples.tolist():
        text = "class {}: {} right of {} predicted".format
        cells = (text(k, *pair) for k, pair in enumerate(hits))
        lines.append(f"  e.g. {'; '.join(cells)}")
    for name, (low, high) in found.ranges.items():
        lines.append(f"  {name} from {low:.4f} to {high:.4f}")
    what = "confusion matrices fit"
    if len(counts) == 3:
        what = "sets of right and of all predictions fit"
    return "\n".join([*lines, f"can hold: {found.number:,} {what}"])
