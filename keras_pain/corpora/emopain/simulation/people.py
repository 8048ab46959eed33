"""The simulated participants: bodies, habits, pain, and who is in which split.

The real corpus: 12 healthy people and 18 patients with chronic low back pain,
46 recordings (17 and 29), one per difficulty; by participant, the challenge
trains on 10 patients and 6 healthy people, validates on 4 and 3, and tests on
4 and 3. Ids have four digits here, so that no simulated person can be
mistaken for a participant, and are drawn anew for every release, as the
owners do.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain.layout import LAYOUTS
from keras_pain.corpora.emopain.simulation.body import Body
from keras_pain.errors import ConfigurationError

# split, group, number of people, how many of them have both N and D, bounds
# of the recordings' lengths in frames.
_FULL = (
    ("train", "patient", 10, 6, (13_500, 18_200)),
    ("train", "healthy", 6, 1, (9_500, 14_900)),
    ("validation", "patient", 4, 3, (13_300, 17_900)),
    ("validation", "healthy", 3, 2, (9_500, 14_900)),
    ("test", "patient", 4, 2, (13_300, 17_900)),
    ("test", "healthy", 3, 2, (9_700, 14_900)),
)
_SMALL = (
    ("train", "patient", 4, 0, (4_950, 5_650)),
    ("train", "healthy", 3, 0, (4_600, 5_300)),
    ("validation", "patient", 3, 0, (4_950, 5_650)),
    ("validation", "healthy", 2, 0, (4_600, 5_300)),
)
SCALES = {"small": _SMALL, "full": _FULL}

# Validation patients of the real split protect themselves far less: 6 %
# of its windows are protective against 17 % in training.
_SEVERITY_OF_SPLIT = {"train": 1.0, "validation": 0.6, "test": 0.8}
# A short recording needs more of it for a model to learn from.
_SMALL_GAIN = {"train": 1.15, "validation": 1.25}

HABITS = (
    "guarding_stiffness",
    "hesitation",
    "support_bracing",
    "jerky_motion",
    "limping",
    "rubbing_stimulation",
)


@dataclasses.dataclass(frozen=True)
class Person:
    """One simulated participant.

    Args:
        number: Place in the cast; with the seed it fixes everything random.
        group: `"patient"` or `"healthy"`.
        split: `"train"`, `"validation"` or `"test"`.
        difficulties: The recordings: `("N",)`, `("D",)` or both.
        frames: Length aimed at for each recording.
        pain_level: 0 healthy, 1 low, 2 high.
        severity: How much protective behaviour is shown, 0 to about 1.
        habits: Personal weight of each of `HABITS`.
        body: Segment lengths.
        carriage: Resting offsets of degrees of freedom, degrees.
        tempo: Speed of movement, 1 is average.
        reach: Range of movement, 1 is average.
        sway: Size of postural sway, 1 is average.
        cadence: Strides per second.
        sore_side: `"left"` or `"right"`.
        muscle_gain: `(4,)` size of each sEMG channel, 1 is average.
        muscle_rest: `(4,)` resting activity, 1 is average.
        relaxation: How far the lumbar muscles fall silent in full flexion.
    """

    number: int
    group: str
    split: str
    difficulties: tuple[str, ...]
    frames: tuple[int, ...]
    pain_level: int
    severity: float
    habits: tuple[float, ...]
    body: Body
    carriage: dict[str, float]
    tempo: float
    reach: float
    sway: float
    cadence: float
    sore_side: str
    muscle_gain: np.ndarray
    muscle_rest: np.ndarray
    relaxation: float


def cast(scale: str, seed: int, subjects: int | None = None) -> list[Person]:
    """The people of a simulated corpus.

    Args:
        scale: `"small"` (12 people, a recording each) or `"full"` (30 people,
            46 recordings).
        seed: Seed of the corpus.
        subjects: Keep only so many people, taken in turn from the splits'
            patients and healthy people; everybody when None.

    Returns:
        People in the order of their numbers.

    Raises:
        ConfigurationError: Unknown scale, or too few subjects for both groups
            in both splits.
    """
    if scale not in SCALES:
        raise ConfigurationError(
            f"scale {scale!r} is unknown; use one of {', '.join(SCALES)}"
        )
    people: list[Person] = []
    for row in SCALES[scale]:
        people += _stratum(row, scale, seed, len(people))
    if subjects is None:
        return people
    if not 4 <= subjects <= len(people):
        raise ConfigurationError(
            f"subjects must be from 4 (a patient and a healthy person in "
            f"training and in validation) to {len(people)} at scale "
            f"{scale!r}, got {subjects}"
        )
    return _limited(people, subjects)


def ids_of(people: list[Person], layout: str, seed: int) -> dict[int, str]:
    """Participants' ids in one release.

    Args:
        people: The whole cast, so that ids do not depend on `subjects`.
        layout: One of `LAYOUTS`.
        seed: Seed of the corpus.

    Returns:
        Id such as `"P4711"`, by the person's number.
    """
    rng = np.random.default_rng([seed, 3, LAYOUTS.index(layout)])
    ids = rng.choice(np.arange(1000, 10_000), len(people), replace=False)
    letter = {"patient": "P", "healthy": "C"}
    return {
        person.number: f"{letter[person.group]}{number}"
        for person, number in zip(people, ids.tolist(), strict=True)
    }


def _limited(people, subjects):
    turns: dict[tuple, int] = {}
    ranks = []
    strata = [(row[0], row[1]) for row in _FULL]
    for person in people:
        key = (person.split, person.group)
        # The test split comes last: its files are not written by default.
        late = person.split == "test"
        turns[key] = turns.get(key, -1) + 1
        ranks.append((late, turns[key], strata.index(key), person.number))
    kept = {rank[-1] for rank in sorted(ranks)[:subjects]}
    return [person for person in people if person.number in kept]


def _stratum(row, scale, seed, first):
    """The people of one group in one split, spread evenly in what matters."""
    split, group, count, pairs, (shortest, longest) = row
    rng = np.random.default_rng([seed, 1, first])
    both = [index < pairs for index in range(count)]
    lengths = np.linspace(shortest, longest, count + pairs)
    lengths = rng.permutation(lengths).round().astype(int).tolist()
    spread = rng.permutation(np.linspace(-1, 1, count))
    people = []
    for index in range(count):
        number = first + index
        single = "D" if index % 2 == 0 else "N"
        difficulties = ("N", "D") if both[index] else (single,)
        pain, severity = 0, 0.0
        if group == "patient":
            # Low and high in turn; the larger half of validation is low.
            high = index % 2 == 1 if split != "validation" else index == 1
            pain = 2 if high else 1
            severity = (0.61 if high else 0.43) + 0.1 * spread[index]
            severity *= _SEVERITY_OF_SPLIT[split]
            severity *= _SMALL_GAIN[split] if scale == "small" else 1.0
        people.append(
            _person(
                np.random.default_rng([seed, 2, number]),
                number=number,
                group=group,
                split=split,
                difficulties=difficulties,
                frames=tuple(lengths.pop() for _ in difficulties),
                pain_level=pain,
                severity=float(severity),
            )
        )
    return people


def _person(rng, group, **fixed) -> Person:
    patient = group == "patient"
    female = rng.random() < 0.6
    stature = rng.normal(164 if female else 176, 5.5)
    body = Body(
        stature=float(np.clip(stature, 150, 192)),
        leg=float(rng.normal(1, 0.02)),
        arm=float(rng.normal(1, 0.02)),
        breadth=float(rng.normal(1, 0.06)),
        toe_out=float(rng.normal(8, 3)),
    )
    carriage = {
        "pelvis_pitch": rng.normal(1, 2.5),
        "lumbar_flex": rng.normal(1, 3),
        "thorax_flex": rng.normal(5, 3),
        "neck_flex": rng.normal(6, 4),
        "head_flex": rng.normal(2, 4),
        "lumbar_side": rng.normal(0, 1.5),
        "elbow": np.clip(rng.normal(16, 5), 9, 30),
        "arm_abduct": np.clip(rng.normal(9, 3), 4, 18),
        "arm_flex": rng.normal(2, 4),
        "thigh_abduct": np.clip(rng.normal(3, 1.5), 0, 8),
        "knee": np.clip(rng.normal(5, 2.5), 1, 12),
    }
    # Habit makes patients slower and smaller in movement, but the groups
    # overlap: a slow healthy person is not protective.
    return Person(
        group=group,
        body=body,
        carriage={name: float(value) for name, value in carriage.items()},
        habits=tuple(rng.uniform(0.75, 1.25, len(HABITS)).tolist()),
        tempo=float(np.clip(rng.normal(0.9 if patient else 1, 0.1), 0.65, 1.3)),
        reach=float(np.clip(rng.normal(0.9 if patient else 1, 0.08), 0.7, 1.2)),
        sway=float(np.exp(rng.normal(0, 0.2))),
        cadence=float(rng.normal(0.84 if patient else 0.92, 0.06)),
        sore_side="left" if rng.random() < 0.5 else "right",
        muscle_gain=np.exp(rng.normal(0, 0.22, 4) + rng.normal(0, 0.2)),
        muscle_rest=np.exp(
            rng.normal(0, 0.2, 4) + rng.normal(0.3 if patient else 0, 0.2)
        ),
        relaxation=float(
            np.clip(rng.normal(0.12, 0.1), 0, 0.35)
            if patient
            else np.clip(rng.normal(0.82, 0.07), 0.65, 0.95)
        ),
        **fixed,
    )
