"""Whether two methods differ in a score pooled over windows.

A test of means over people is blind where people have one class only: who
always says that class is perfect there. The pooled score is not, and this is
its test: under the null hypothesis it does not matter which of two methods
made the predictions for a person, so they are exchanged, a whole person at a
time (approximate randomisation: Noreen, Computer-Intensive Methods for Testing
Hypotheses, 1989; for F1: Yeh, COLING 2000).
"""

import numpy as np

from keras_pain.reports.resampling import DRAWS, pooled_draws

EXCHANGE = "exchange of people"
MOST_EXACT = 14  # 2^14 exchanges take some 50 ms
_TOLERANCE = 1e-12  # sums in another order differ in the last digits


def pooled_test(
    a: np.ndarray,
    b: np.ndarray,
    metric: str = "macro_f1",
    alternative: str = "two-sided",
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> float | None:
    """Paired randomisation test of a pooled score.

    Args:
        a: `(seeds, S, K, K)` confusion matrices of the first method, one a
            person.
        b: The same of the second method, on the same people; it may have
            another number of seeds.
        metric: A name that `keras_pain.reports.resampling.scores_of` returns.
        alternative: `"two-sided"`; `"greater"`: `a` is better; `"less"`.
        draws: Random exchanges where there are more than 14 people; up to
            there all of them are enumerated, and the p-value is exact.
        seed: Seed of the random exchanges.

    Returns:
        The p-value, 1 where no exchange changes anything; None where the
        score is undefined.
    """
    people = np.shape(a)[1]
    exact = people <= MOST_EXACT
    if exact:
        numbers = np.arange(2**people)
        swap = numbers[:, None] >> np.arange(people) & 1
    else:
        rng = np.random.default_rng(seed)
        swap = rng.integers(0, 2, (draws, people))
        # The exchange of nobody is one of them: Phipson and Smyth (2010).
        swap = np.concatenate([np.zeros((1, people), int), swap])
    seeds = np.lcm(len(a), len(b))  # of a deterministic method one will do
    both = np.concatenate(
        [np.tile(m, (seeds // len(m), 1, 1, 1)) for m in (a, b)], axis=1
    )
    first = pooled_draws(both, np.hstack([1 - swap, swap]), metric)
    second = pooled_draws(both, np.hstack([swap, 1 - swap]), metric)
    null = first - second
    if not np.isfinite(null).all():
        return None
    observed = null[0]
    extreme = {
        "two-sided": np.abs(null) >= np.abs(observed) - _TOLERANCE,
        "greater": null >= observed - _TOLERANCE,
        "less": null <= observed + _TOLERANCE,
    }[alternative]
    return float(extreme.mean())
