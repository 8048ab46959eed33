"""Label rules: from frames marked by raters to one label a window.

The papers merge all behaviours and differ in the order of two steps, see each
rule. All rules work on cumulative sums, so that a window costs the same
whatever its length.
"""

from collections.abc import Mapping

import numpy as np

from keras_pain.errors import ConfigurationError, check_choice

# A behaviour counts for a frame when this many raters marked it, and for a
# window when this share of its frames counts (ISWC 2019; BANet; V4).
MIN_RATERS = 2
MIN_SHARE = 0.5


def window_labels(
    rule: str,
    recording: Mapping[str, np.ndarray],
    starts: np.ndarray,
    stops: np.ndarray,
) -> np.ndarray:
    """Protective-behaviour label of each window of one recording.

    By a key of `LABEL_RULES`, from the arrays that the builders yield; `starts`
    and `stops`, `(n,)`, are the first frame of each window and the one after
    its last real (not padded) frame. Returns `(n,)` int64, 0 / 1, or -1 where
    the release does not say. Raises ConfigurationError where the rule is
    unknown, or needs single raters and the release has only merged labels.
    """
    check_choice("label rule", rule, LABEL_RULES)
    return LABEL_RULES[rule](recording, starts, stops)


def merged_majority(recording, starts, stops) -> np.ndarray:
    """Majority vote of the merged frame label (ALANet, section IV.A).

    A tie, which the paper does not mention, is not a majority: label 0.
    """
    protective = np.asarray(recording["protective"])
    known = window_sums(protective >= 0, starts, stops) == stops - starts
    votes = window_sums(protective == 1, starts, stops)
    return np.where(known, (2 * votes > stops - starts).astype(np.int64), -1)


def papers(recording, starts, stops) -> np.ndarray:
    """At least 2 raters who each marked at least 50 % of the frames.

    Source: ACM HEALTH 2021 (arXiv 1902.08990v4), text and Fig. 6.
    """
    marked = _behaviours(recording).any(axis=2)  # (T, R)
    return _by_enough_raters(marked, starts, stops)


def lsfan_parser(recording, starts, stops) -> np.ndarray:
    """The path without padding of L-SFAN's other parser, `parser.py`.

    Meant is the rule of `papers`. Coded is: rater r is read from columns r to
    r + 6 of 28 instead of 7 r to 7 r + 6, and marks a frame only where these
    sum to more than one.
    """
    ratings = _ratings(recording)
    frames, raters, kinds = ratings.shape
    columns = ratings.reshape(frames, -1)
    marked = [columns[:, r : r + kinds].sum(axis=1) > 1 for r in range(raters)]
    return _by_enough_raters(np.stack(marked, axis=1), starts, stops)


def _by_enough_raters(marked, starts, stops):
    """Of `(T, R)` frames that each rater marked."""
    share = window_sums(marked, starts, stops) / (stops - starts)[:, None]
    return ((share >= MIN_SHARE).sum(1) >= MIN_RATERS).astype(np.int64)


def _half_of_frames(ratings, counted):
    """The rule by which half of a window's frames must count."""

    def rule(recording, starts, stops):
        frame = counted(ratings(recording))
        share = window_sums(frame, starts, stops) / (stops - starts)
        return (share >= MIN_SHARE).astype(np.int64)

    return rule


def _ratings(recording):
    """`(T, R, 7)` single ratings of a recording that has them."""
    ratings = np.asarray(recording.get("raters", np.zeros((0, 0, 7))))
    if ratings.ndim != 3 or ratings.shape[1] < MIN_RATERS:
        raise ConfigurationError(
            f"recording {recording.get('recording', '?')}: this label rule "
            "needs single raters, which this release does not have; use "
            "label_rule='merged_majority'"
        )
    return ratings


def _behaviours(recording):
    """Ratings as the papers count them: healthy means non-protective."""
    return _ratings(recording) * (recording.get("group") != "healthy")


def _shifted(recording):
    """Ratings as the L-SFAN label parser reads them, one column too late.

    Behaviour k is read from column k + 1, and the seventh from the next
    rater's first column; for the last rater that is the flag of the first
    one-leg stand. Healthy people are not set apart, as the columns are all
    that the parser looks at.
    """
    ratings = _ratings(recording)
    next_column = np.asarray(recording["activity_instance"]) == 1
    columns = ratings.reshape(len(ratings), -1)
    return np.column_stack([columns[:, 1:], next_column]).reshape(ratings.shape)


def _by_two(ratings):
    """`(T,)` frames that were each marked by enough raters."""
    return ratings.any(axis=2).sum(1) >= MIN_RATERS


def _same_behaviour(ratings):
    """`(T,)` frames that count by the L-SFAN label parser's agreement rule.

    Two raters must agree on the same behaviour; one rater alone counts for the
    first behaviour when the value is 2.
    """
    agreed = (ratings > 0).sum(axis=1) >= MIN_RATERS  # (T, 7)
    return agreed.any(axis=1) | (ratings[:, :, 0] >= 2).any(axis=1)


LABEL_RULES = {
    "merged_majority": merged_majority,
    "papers": papers,
    # ISWC 2019; BANet, section IV.A. Stricter than `papers`: the same two
    # raters need not overlap there.
    "papers_per_frame": _half_of_frames(_behaviours, _by_two),
    # What the released L-SFAN label parser computes, and each of its two
    # defects alone.
    "lsfan_as_coded": _half_of_frames(_shifted, _same_behaviour),
    "lsfan_shifted": _half_of_frames(_shifted, _by_two),
    "lsfan_same_behaviour": _half_of_frames(_behaviours, _same_behaviour),
    "lsfan_parser": lsfan_parser,
}


def pain_levels(recording, starts, stops) -> np.ndarray:
    """Most frequent known pain level of each span; -1 where none is known."""
    levels = np.asarray(recording["pain_level"])
    votes = window_sums(levels[:, None] == np.arange(3), starts, stops)
    return np.where(votes.sum(1) > 0, votes.argmax(1), -1)


def window_sums(frames, starts, stops, dtype=np.int64):
    """Sum of `(T, ...)` frames over [start, stop) of each window."""
    total = np.cumsum(frames, axis=0, dtype=dtype)
    total = np.concatenate([np.zeros_like(total[:1]), total])
    return total[stops] - total[starts]
