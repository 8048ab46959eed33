"""From a table's settings, which are JSON values, to its windows.

Settings are what a fold's configuration holds, so that windows can be cut anew
from nothing but a finished run, and two runs cannot differ unseen.
"""

from collections.abc import Mapping, Sequence

from keras_pain.corpora.emopain.layout import ACTIVITIES
from keras_pain.data.windows import (
    WindowSet,
    activity_instances,
    sliding_windows,
    whole_recordings,
)
from keras_pain.errors import ConfigurationError

# L-SFAN uses 21 of the 24 activity columns: not these three, which are no
# movements, and no frame outside of the columns.
LSFAN_ACTIVITIES = tuple(
    number
    for number, name in enumerate(ACTIVITIES)
    if name not in ("other", "sitting_still", "standing_still", "walking")
)


def lsfan_windows(
    recordings: Sequence[Mapping],
    *,
    length: int = 180,
    step: int = 45,
    label_rule: str = "papers_per_frame",
    unfinished: str = "keep",
) -> WindowSet:
    """Windows as the released L-SFAN code cuts them from the full release.

    Inside each of 21 activity columns, tail dropped. The released code calls
    its parser without padding. Channels stay in the order of the suite;
    L-SFAN's own order is a matter of its method (`data.channels`).

    Args:
        recordings: Recordings of the layout `fame`.
        length: Frames a window; 180 in the released code.
        step: Frames between starts; 45 in the released code.
        label_rule: A key of `keras_pain.data.labels.LABEL_RULES`.
        unfinished: `"drop"` leaves out activities that run to the end of the
            file, as the released joint parser does.

    Returns:
        Windows.

    Raises:
        ConfigurationError: A setting is out of range, or single raters are
            missing.
        KerasPainError: No window is left.
    """
    return sliding_windows(
        recordings,
        length=length,
        step=step,
        padding="none",
        label_rule=label_rule,
        max_flicker=0,  # the flags are taken as they are
        activities=LSFAN_ACTIVITIES,
        segments="instance",
        unfinished=unfinished,
    )


CUTS = {
    "sliding_windows": sliding_windows,
    "activity_instances": activity_instances,
    "whole_recordings": whole_recordings,
    "lsfan_windows": lsfan_windows,
}


def cut_windows(recordings: Sequence[Mapping], settings: Mapping) -> WindowSet:
    """Cuts recordings into windows.

    Args:
        recordings: Recordings as the builders yield them.
        settings: `cut`, a key of `CUTS`, and the arguments of that function.

    Returns:
        The windows.

    Raises:
        ConfigurationError: `cut` is unknown, or a setting is out of range.
        KerasPainError: No window is left.
    """
    settings = dict(settings)
    name = settings.pop("cut", None)
    if name not in CUTS:
        raise ConfigurationError(
            f"cut must be one of {', '.join(CUTS)}, got {name!r}"
        )
    return CUTS[name](recordings, **settings)
