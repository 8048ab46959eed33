"""What readers are told about the statistics, in figures and reports."""

from collections.abc import Sequence

from keras_pain.reports.pooled_test import MOST_EXACT
from keras_pain.reports.ranking import Ranking
from keras_pain.reports.resampling import DRAWS, LEVEL
from keras_pain.reports.statistics import (
    PERMUTATION,
    WILCOXON,
    Comparison,
)
from keras_pain.reports.subject_scores import SubjectScores

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "mcc": "MCC",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
}

_TESTS = {
    PERMUTATION: "Test: sign-flip permutation of the mean paired difference, "
    "exact over all sign changes, as there are at most "
    f"{MOST_EXACT} people.",
    WILCOXON: "Test: Wilcoxon's signed-rank test on paired differences; those "
    "of zero are dropped (zero_method wilcox). Exact where no two differences "
    "are equal in size or at most 13 are left, else the normal approximation "
    "corrected for ties.",
}


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun, e.g. `"1 pair"` or `"3 pairs"`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def p_text(p: float | None) -> str:
    """A p-value as readers want it."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def statistics_remarks(
    scores: Sequence[SubjectScores], comparisons: Sequence[Comparison]
) -> list[str]:
    """How the comparisons were made, for the foot of a report.

    Args:
        scores: One entry a method.
        comparisons: All pairs of them.

    Returns:
        Sentences; what the numbers cannot show is said among them.
    """
    seeds = len(scores[0].seeds)
    people = len(scores[0].subjects)
    metric = METRIC_NAMES[scores[0].metric]
    remarks = [
        f"Statistics are over people: each of the {people} counts once, with "
        f"the mean of {metric} over {counted(seeds, 'seed')}. The ± of pooled "
        "metrics is the standard deviation over seeds and says nothing about "
        "other people; the intervals are over people.",
        f"Intervals: {LEVEL:.0%}, bootstrap of people, {DRAWS} draws; of means "
        "over people bias-corrected and accelerated (BCa), of pooled metrics "
        "percentile. They are not corrected for the number of comparisons, "
        "and take the trained networks as given: that the folds of different "
        "people share training data is in none of them.",
    ]
    if lone := _one_class_people(scores[0]):
        remarks.append(
            f"{lone} of the {people} people have windows of one class only. "
            "A method that always says that class is perfect there, so that "
            f"means of {metric} over people favour the majority baseline: "
            "read the pooled differences and their tests beside them."
        )
    if not comparisons:
        return [
            *remarks,
            "A single finished method: there is no pair to compare.",
        ]
    first = comparisons[0]
    remarks += [
        _TESTS[test] for test in dict.fromkeys(c.test for c in comparisons)
    ]
    if first.pooled_p is not None:
        exact = first.num_subjects + len(first.dropped) <= MOST_EXACT
        remarks.append(
            "Test of pooled differences: the predictions of two methods are "
            "exchanged, a whole person at a time, "
            + (
                "in every possible way."
                if exact
                else f"{DRAWS} times at random."
            )
        )
    remarks.append(
        f"p-values are {first.alternative}; Holm's correction is over "
        f"{counted(len(comparisons), 'pair')} of methods. Effect size: "
        "matched-pairs rank-biserial correlation, from -1 to 1, and Cohen's "
        "d_z, mean difference over its standard deviation (– where all "
        "differences are equal)."
    )
    if first.dropped:
        remarks.append(
            f"{counted(len(first.dropped), 'person', 'people')} left out of "
            f"statistics over people, of all methods alike, as {metric} is "
            f"undefined there: {', '.join(first.dropped)}."
        )
    if too_few := too_few_people(comparisons):
        advice = "More people are needed."
        if least_p(first) < 1 - LEVEL:
            advice = "Compare fewer methods."
        remarks.append(
            f"{too_few} {advice} Intervals over so few people are too narrow "
            "to stand in for a test, and Friedman's test says only that not "
            "all methods are alike."
        )
    return remarks


def _one_class_people(scores: SubjectScores) -> int:
    true = scores.confusions[0].sum(axis=-1)
    return int(((true > 0).sum(axis=-1) == 1).sum())


def least_p(comparison: Comparison) -> float:
    """The smallest p-value that the permutation test can give."""
    sides = 2 if comparison.alternative == "two-sided" else 1
    return sides / 2**comparison.num_subjects


def too_few_people(comparisons: Sequence[Comparison]) -> str:
    """A warning where no p-value could come out below 5 %; else ""."""
    first, pairs = comparisons[0], len(comparisons)
    if first.test != PERMUTATION:
        return ""
    least = least_p(first)
    if least * pairs < 1 - LEVEL:
        return ""
    return (
        f"With {first.num_subjects} people no p-value can be below "
        f"{p_text(least)}, which Holm's correction over "
        f"{counted(pairs, 'pair')} makes {p_text(min(1.0, least * pairs))}: "
        "no difference could come out as significant, however large."
    )


def rank_caption(
    ranking: Ranking,
    comparisons: Sequence[Comparison],
    joined: bool,
    unjoined: int,
    alpha: float,
) -> str:
    """What the figure of average ranks shows.

    Args:
        ranking: The ranking.
        comparisons: All pairs.
        joined: Whether there is any bar.
        unjoined: Pairs that do not differ and share no bar.
        alpha: Level of significance.
    """
    tests = " or ".join(sorted({pair.test for pair in comparisons}))
    metric = METRIC_NAMES[comparisons[0].metric]
    text = (
        f"Average ranks over {ranking.num_subjects} people, 1 is best. "
        f"Paired tests of {metric} by person ({tests}, Holm over "
        f"{counted(len(comparisons), 'pair')}, level {alpha:.0%}): "
    )
    if joined:
        text += "a bar joins methods among which no pair differs. "
    else:
        text += "there is no bar, since all neighbours differ. "
    if unjoined:
        text += (
            f"{counted(unjoined, 'further pair')} cannot be told apart either, "
            "but a method between the two differs from one. "
        )
    text += "The ruler is for comparison; no bar depends on it."
    if ranking.p is not None:
        text += (
            f" Friedman's test: {ranking.friedman:.1f} with "
            f"{len(ranking.methods) - 1} degrees of freedom, p = "
            f"{ranking.p:.2g}."
        )
    return f"{text} {too_few_people(comparisons)}".strip()


def forest_caption(
    scores: Sequence[SubjectScores], dropped: Sequence[str]
) -> str:
    """What the forest figure shows.

    Args:
        scores: Its rows.
        dropped: People left out of all of them.
    """
    first = scores[0]
    seeds = len(first.seeds)
    text = (
        f"Each person counts once, with the mean over "
        f"{counted(seeds, 'seed')}; the interval is a bootstrap over people. "
    )
    if seeds > 1:
        text += (
            "The thin mark below each row reaches from the worst seed's mean "
            "over people to the best one's. "
        )
    if dropped:
        text += (
            f"Left out of all rows, as {METRIC_NAMES[first.metric]} is "
            f"undefined there: {counted(len(dropped), 'person', 'people')}."
        )
    return text
