"""A leaderboard in long form: one row a number."""

from keras_pain.experiments.metrics import SCALAR_METRICS
from keras_pain.reports.longform import rounded
from keras_pain.reports.pooled_test import EXCHANGE
from keras_pain.reports.resampling import Interval
from keras_pain.reports.standings import Standing, Standings

CSV_COLUMNS = (
    "method",
    "against",
    "protocol",
    "metric",
    "value",
    "sd_seeds",
    "sd_people",
    "low",
    "high",
    "p",
    "p_holm",
    "test",
    "n_people",
    "n_folds",
    "n_seeds",
    "corpus",
    "simulated",
)
LATENCIES = ("latency_ms_single", "latency_ms_batch")


def leaderboard_rows(
    table: Standings, *, corpus: str, simulated: bool
) -> list[dict]:
    """The leaderboard in long form, one dict of `CSV_COLUMNS` a number.

    Args:
        table: The standings.
        corpus: Name of the corpus.
        simulated: Whether it is simulated.

    Returns:
        Rows of single methods, then of pairs: `method` minus `against`. None
        stands for what is unknown; `n_folds` of unfinished methods is text
        such as `"12/30"`.
    """
    [(evaluation, protocol, _), *_] = table.groups
    rows = []

    def add(method, metric, value, interval: Interval | None = None, **more):
        row = dict.fromkeys(CSV_COLUMNS)
        row |= {
            "method": method,
            "protocol": f"{evaluation}/{protocol}",
            "metric": metric,
            "value": rounded(value) if isinstance(value, float) else value,
            "low": rounded(interval.low) if interval else None,
            "high": rounded(interval.high) if interval else None,
            "corpus": corpus,
            "simulated": simulated,
            **{
                name: rounded(given) if isinstance(given, float) else given
                for name, given in more.items()
            },
        }
        rows.append(row)

    for standing in table.finished:
        _add_finished(add, table, standing)
        _add_costs(add, standing)
    for standing in table.unfinished:
        state = f"{standing.group.found}/{standing.group.wanted}"
        add(standing.method, f"pooled_{table.metric}", None, n_folds=state)
        _add_costs(add, standing)
    for pair in table.comparisons:
        both = {"against": pair.second, "n_people": pair.num_subjects}
        add(
            pair.first,
            f"difference_subject_mean_{pair.metric}",
            pair.difference,
            pair.interval,
            p=pair.p,
            p_holm=pair.p_holm,
            test=pair.test,
            **both,
        )
        add(
            pair.first,
            f"difference_pooled_{pair.metric}",
            pair.pooled_difference,
            pair.pooled_interval,
            p=pair.pooled_p,
            p_holm=pair.pooled_p_holm,
            test=EXCHANGE if pair.pooled_p is not None else None,
            **both,
        )
        add(pair.first, "rank_biserial", pair.rank_biserial, **both)
        add(pair.first, "cohens_dz", pair.cohens_dz, **both)
    return rows


def _add_finished(add, table: Standings, standing: Standing) -> None:
    method, scores = standing.method, standing.scores
    for metric in SCALAR_METRICS:
        score = standing.pooled(metric)
        add(
            method,
            f"pooled_{metric}",
            score.mean,
            table.pooled_intervals.get((method, metric)),
            sd_seeds=score.sd,
            n_folds=score.n_folds,
            n_seeds=score.n_seeds,
        )
    people = {"n_people": len(scores.subjects), "n_seeds": len(scores.seeds)}
    add(
        method,
        f"subject_mean_{table.metric}",
        scores.mean,
        standing.interval,
        sd_seeds=scores.seed_sd,
        sd_people=scores.subject_sd,
        **people,
    )
    if table.ranking:
        add(method, "average_rank", table.ranking.of[method], **people)
    seconds = standing.group.scores["fit_seconds", None]
    add(
        method,
        "fit_seconds",
        seconds.mean,
        sd_seeds=seconds.sd,
        n_folds=seconds.n_folds,
        n_seeds=seconds.n_seeds,
    )


def _add_costs(add, standing: Standing) -> None:
    for name in ("parameters", "flops", *LATENCIES):
        add(standing.method, name, getattr(standing.cost, name))
