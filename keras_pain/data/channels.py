"""Channel orders: the suite's, and the one that L-SFAN was trained with."""

import dataclasses

import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError

CHANNEL_ORDERS = ("canonical", "semg_first")


def arranged(windows: WindowSet, order: str) -> WindowSet:
    """The windows with their channels in another order.

    Args:
        windows: Windows in the order of `CHANNEL_NAMES`.
        order: `"canonical"` leaves them as they are; `"semg_first"` puts sEMG
            before angles and energies, as the files of the released L-SFAN
            code have them.

    Returns:
        Windows whose `channel_names` tell the new order.

    Raises:
        ConfigurationError: The order is unknown.
    """
    if order not in CHANNEL_ORDERS:
        raise ConfigurationError(
            f"channel order must be one of {', '.join(CHANNEL_ORDERS)}, got "
            f"{order!r}"
        )
    names = windows.channel_names
    if order == "canonical" or not any(map(_is_semg, names)):
        return windows
    index = np.argsort([not _is_semg(name) for name in names], kind="stable")
    return dataclasses.replace(
        windows,
        x=np.ascontiguousarray(windows.x[:, :, index]),
        channel_names=tuple(names[i] for i in index),
    )


def _is_semg(name: str) -> bool:
    return name.startswith("semg_")
