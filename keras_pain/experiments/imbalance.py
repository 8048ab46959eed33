"""What training does about faces without pain, which are most of them.

The released AACSFNet code holds weights for this and never uses them; what the
paper did is unsaid. Ours treats a level of zero and all above as two groups:
single levels are too rare to be repeated as often as zero occurs.
"""

import numpy as np

from keras_pain.errors import ConfigurationError

BALANCES = ("none", "sampling", "weights")


def balanced_shares(y: np.ndarray) -> np.ndarray:
    """Shares by which zero and more than zero weigh the same.

    Args:
        y: `(n,)` intensities.

    Returns:
        `(n,)` float64 with sum 1; all alike where there is one group only.
    """
    pain = np.asarray(y) > 0
    counts = np.array([np.sum(~pain), np.sum(pain)])
    return 1 / (counts[pain.astype(int)] * np.count_nonzero(counts))


def balanced_feed(y: np.ndarray, balance: str) -> dict[str, np.ndarray]:
    """What `training_clips` gets.

    Args:
        y: `(n,)` training intensities.
        balance: `"none"`; `"sampling"`: an epoch draws as many samples of
            either group; `"weights"`: errors of either group weigh the same.

    Returns:
        `{}`, `{"chances": (n,)}`, or `{"weights": (n,) float32, of mean 1}`.

    Raises:
        ConfigurationError: There is no such balance.
    """
    if balance not in BALANCES:
        raise ConfigurationError(
            f"--balance must be one of {', '.join(BALANCES)}, not {balance!r}"
        )
    if balance == "none":
        return {}
    shares = balanced_shares(y)
    if balance == "sampling":
        return {"chances": shares}
    return {"weights": (len(shares) * shares).astype(np.float32)}
