"""EmoPain on disk: the three releases, their columns, names and numbering.

Sources: the columns of the full release ("fame") as printed by public
notebooks and read by the released L-SFAN code; the 78 columns of the
"coordinates" package from its readme; the 30 channels of "challenge2020" from
the challenge's public description (EmoPain Challenge 2020, Tasks 2 and 3). The
label columns of the challenge files are not public: those here are inferred,
and can be changed (`ChallengeColumns`).

Columns are 0-based, slices half-open.
"""

import dataclasses

FRAME_RATE = 60.0

LAYOUTS = ("fame", "coordinates", "challenge2020")

ACTIVITIES = tuple(
    "other one_leg_stand reach_forward bend sit_to_stand stand_to_sit "
    "sitting_still standing_still walking".split()
)

BEHAVIOURS = tuple(
    "guarding_stiffness hesitation support_bracing jerky_motion limping "
    "rubbing_stimulation other".split()
)

NUM_RATERS = 4


class Fame:
    """Full release: `randomised C|P/<C|P><id>_<D|N>.mat`, 160 columns."""

    num_columns = 160
    folders = {"healthy": "randomised C", "patient": "randomised P"}
    positions = slice(0, 78)  # X, Y, Z blocks of 26 joints each
    semg = slice(78, 82)
    raters = slice(82, 110)  # 4 raters x 7 behaviours
    activities = slice(110, 134)  # 24 flags
    angles = slice(134, 147)
    energies = slice(147, 160)
    # Activity type of each of the 24 flags, in column order.
    activity_columns = tuple(
        (name, kind)
        for kind, *names in (
            ("one_leg_stand", *(f"One Leg Stand {n}" for n in range(1, 7))),
            ("sitting_still", "Sitting Still"),
            ("reach_forward", "Reach Forward 2", "Reach Forward 1"),
            ("sit_to_stand", *(f"Sit to Stand Instructed {n}" for n in "123")),
            ("stand_to_sit", *(f"Stand to Sit Instructed {n}" for n in "123")),
            ("standing_still", "Standing Still"),
            ("sit_to_stand", "Sit to Stand Not Instructed"),
            ("stand_to_sit", "Stand to Sit Not Instructed"),
            ("bend", "Bend 2", "Bend 1"),
            ("walking", "Walk"),
            ("bend", "Other Major: Bend to pick up"),
            ("sit_to_stand", "Sit to Stand Instructed 4"),
            ("stand_to_sit", "Stand to Sit Instructed 4"),
        )
        for name in names
    )


class Coordinates:
    """Coordinate package: `train|validation/<C|P><id><D|N>.mat`, key `data`.

    78 columns, or 104 where 13 angles and 13 energies of another convention
    (radians; 180 degrees minus the included angle; velocity per second) were
    appended by its users.
    """

    key = "data"
    num_columns = (78, 104)
    positions = slice(0, 66)  # X, Y, Z blocks of 22 joints each
    semg = slice(66, 70)
    exercise = 70  # index into ACTIVITIES
    pain = 71  # 0 healthy, -1 not reported, 1 low, 2 high
    protective = 72
    behaviours = slice(73, 78)
    appended_angles = slice(78, 91)
    appended_energies = slice(91, 104)


@dataclasses.dataclass(frozen=True)
class ChallengeColumns:
    """Where the challenge files keep their labels; None where they do not.

    The 30 channels are public; the label columns are inferred from the
    coordinate package of the same authors and participant split.
    """

    exercise: int | None = 30
    pain: int | None = 31
    protective: int | None = 32


class Challenge:
    """Challenge 2020: `train|validation/<C|P><id><D|N>.mat`, >= 30 columns."""

    key = "data"
    num_channels = 30
    num_columns = (30, 31, 32, 33)  # labels are behind the channels
    angles = slice(0, 13)
    energies = slice(13, 26)
    semg = slice(26, 30)
