"""The simulated participants of EmoPain: who they are, and how they move.

The real corpus: 12 healthy people and 18 patients with chronic low back pain,
46 recordings (17 and 29), one per difficulty; by participant, the challenge
trains on 10 patients and 6 healthy people, validates on 4 and 3, and tests on
4 and 3. Ids have four digits here, so that nobody can be mistaken for a
participant, and are drawn anew for every release, as the owners do.

Kinds and meaning of protective behaviour follow Keefe and Block (Behavior
Therapy 13, 1982) as adapted by EmoPain (Aung et al., IEEE Trans. Affective
Computing 7(4), 2016): guarding or stiffness (slow, rigid, interrupted),
hesitation (a stop within a movement), support or bracing (a limb carries
weight it need not carry), abrupt or jerky motion, limping, rubbing. Fear of
pain makes all of them more frequent at the difficult variant of an exercise.
Strengths are continuous: most are mild, which is what raters disagree about.
"""

import dataclasses
import re
from collections.abc import Callable
from math import tau

import numpy as np
from numpy.random import default_rng
from scipy.special import ndtri

from keras_pain.corpora.emopain import layout as facts
from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.simulate import rows_of
from keras_pain.simulate.body import DOF, DOFS, SIDES, Body, columns_of

# split, group, number of people, how many of them have both N and D, bounds
# of the recordings' lengths in frames.
SCALES = {
    "small": """
    train       patient   4  0   4950  5650
    train       healthy   3  0   4600  5300
    validation  patient   3  0   4950  5650
    validation  healthy   2  0   4600  5300
    """,
    "full": """
    train       patient  10  6  13500 18200
    train       healthy   6  1   9500 14900
    validation  patient   4  3  13300 17900
    validation  healthy   3  2   9500 14900
    test        patient   4  2  13300 17900
    test        healthy   3  2   9700 14900
    """,
}
# Validation patients of the real split protect themselves far less: 6 %
# of its windows are protective against 17 % in training.
_SEVERITY_OF_SPLIT = {"train": 1.0, "validation": 0.6, "test": 0.8}
# A short recording needs more of it for a model to learn from.
_SMALL_GAIN = {"train": 1.15, "validation": 1.25}

_HABITS = facts.BEHAVIOURS[:-1]  # all but "other"
# How readily an activity provokes each of them; from what the literature
# reports as hard for people with low-back pain: bending and rising most,
# keeping still least.
_PROVOKES = """
one_leg_stand   0.85 0.30 0.20 0.35 0.00 0.05
reach_forward   0.95 0.35 0.25 0.20 0.00 0.10
bend            1.15 0.45 0.50 0.25 0.00 0.25
sit_to_stand    0.95 0.40 0.60 0.30 0.00 0.10
stand_to_sit    0.90 0.40 0.55 0.30 0.00 0.05
sitting_still   0.45 0.00 0.30 0.00 0.00 0.30
standing_still  0.45 0.00 0.15 0.00 0.00 0.30
walking         0.80 0.15 0.00 0.00 0.95 0.10
other           0.35 0.00 0.05 0.00 0.00 0.12
"""
_DIFFICULTY = {"N": 0.85, "D": 1.2}


# Degrees of freedom at rest: mean, spread, and bounds.
_CARRIAGE = """
pelvis_pitch 1 2.5; lumbar_flex 1 3; thorax_flex 5 3; neck_flex 6 4
head_flex 2 4; lumbar_side 0 1.5; elbow 16 5 9 30; arm_abduct 9 3 4 18
arm_flex 2 4; thigh_abduct 3 1.5 0 8; knee 5 2.5 1 12
"""


@dataclasses.dataclass(frozen=True)
class Person:
    """One simulated participant; of what is relative 1 is average."""

    number: int  # place among all; with the seed it fixes everything random
    group: str  # "patient" or "healthy"
    split: str  # "train", "validation" or "test"
    frames: dict[str, int]  # difficulty ("N", "D") to length of the recording
    pain_level: int  # 0 healthy, 1 low, 2 high
    severity: float  # how much protective behaviour is shown, 0 to about 1
    habits: np.ndarray  # personal weight of each behaviour, (6,)
    body: Body
    carriage: dict[str, float]  # degrees of freedom at rest
    tempo: float  # speed of movement, relative
    reach: float  # range of movement, relative
    sway: float  # postural sway, relative
    cadence: float  # strides per second
    sore_side: str  # "left" or "right"
    muscle_gain: np.ndarray  # of the sEMG channels, (4,), relative
    muscle_rest: np.ndarray  # their resting activity, (4,), relative
    relaxation: float  # how far lumbar muscles fall silent in full flexion


def draw_people(
    scale: str, seed: int, subjects: int | None = None
) -> list[Person]:
    """The people of a simulated corpus, in the order of their numbers.

    At scale `"small"` 12 with a recording each, at `"full"` 30 with 46; or only
    so many `subjects`, in turn from the splits' patients and healthy people.
    ConfigurationError where the scale is unknown, or subjects too few or many.
    """
    check_choice("scale", scale, SCALES)
    people, ranks = [], []
    for stratum, row in enumerate(rows_of(SCALES[scale])):
        drawn = _stratum(row, scale, seed, len(people))
        # The test split comes last: its files are not written by default.
        ranks += [
            (person.split == "test", turn, stratum, person.number)
            for turn, person in enumerate(drawn)
        ]
        people += drawn
    if subjects is None:
        return people
    if not 4 <= subjects <= len(people):
        text = "subjects must be from 4 (a patient and a healthy person in "
        text += f"training and in validation) to {len(people)} at scale "
        raise ConfigurationError(f"{text}{scale!r}, got {subjects}")
    kept = {rank[-1] for rank in sorted(ranks)[:subjects]}
    return [person for person in people if person.number in kept]


def ids_of(people: list[Person], layout: str, seed: int) -> dict[int, str]:
    """Ids of everybody in one release, as `"P4711"`, by the person's number."""
    rng = default_rng([seed, 3, facts.LAYOUTS.index(layout)])
    ids = rng.choice(np.arange(1000, 10_000), len(people), replace=False)
    letter = {"patient": "P", "healthy": "C"}
    pairs = zip(people, ids.tolist(), strict=True)
    return {who.number: f"{letter[who.group]}{number}" for who, number in pairs}


def _stratum(row, scale, seed, first):
    """The people of one group in one split, spread evenly in what matters."""
    split, group, *numbers = row
    count, pairs, *bounds = map(int, numbers)
    rng = default_rng([seed, 1, first])
    lengths = rng.permutation(np.linspace(*bounds, count + pairs))
    lengths = lengths.round().astype(int).tolist()
    spread = rng.permutation(np.linspace(-1, 1, count))
    people = []
    for index in range(count):
        levels = "ND" if index < pairs else "DN"[index % 2]
        pain, severity = 0, 0.0
        if group == "patient":
            # Low and high in turn; the larger half of validation is low.
            high = index % 2 == 1 if split != "validation" else index == 1
            pain = 2 if high else 1
            severity = (0.61 if high else 0.43) + 0.1 * spread[index]
            severity *= _SEVERITY_OF_SPLIT[split]
            severity *= _SMALL_GAIN[split] if scale == "small" else 1.0
        frames = {level: lengths.pop() for level in levels}
        fixed = first + index, group, split, frames, pain, float(severity)
        people.append(_person(default_rng([seed, 2, first + index]), fixed))
    return people


def _person(rng, fixed):
    patient = fixed[1] == "patient"

    def near(mean, spread, lowest=-np.inf, highest=np.inf):
        return float(np.clip(rng.normal(mean, spread), lowest, highest))

    stature = near(164 if rng.random() < 0.6 else 176, 5.5, 150, 192)
    limbs = near(1, 0.02), near(1, 0.02), near(1, 0.06)
    body = Body(stature, *limbs, toe_out=near(8, 3))
    rows = rows_of(_CARRIAGE)
    carriage = {name: near(*map(float, numbers)) for name, *numbers in rows}
    relaxation = (0.12, 0.1, 0, 0.35) if patient else (0.82, 0.07, 0.65, 0.95)
    raised = 0.3 * patient
    # Habit makes patients slower and smaller in movement, but the groups
    # overlap: a slow healthy person is not protective.
    return Person(
        *fixed,
        body=body,
        carriage=carriage,
        habits=rng.uniform(0.75, 1.25, len(_HABITS)),
        tempo=near(0.9 if patient else 1, 0.1, 0.65, 1.3),
        reach=near(0.9 if patient else 1, 0.08, 0.7, 1.2),
        sway=float(np.exp(rng.normal(0, 0.2))),
        cadence=near(0.84 if patient else 0.92, 0.06),
        sore_side="left" if rng.random() < 0.5 else "right",
        muscle_gain=np.exp(rng.normal(0, 0.22, 4) + rng.normal(0, 0.2)),
        muscle_rest=np.exp(rng.normal(0, 0.2, 4) + rng.normal(raised, 0.2)),
        relaxation=near(*relaxation),
    )


def _draw_strengths(person, difficulty, activity, luck, rng):
    """Strength of each behaviour this time, 0 to 1; luck is of guarding."""
    strengths = dict.fromkeys(_HABITS, 0.0)
    if person.group == "healthy":
        # People without pain also stiffen or pause now and then.
        strengths["guarding_stiffness"] = max(0.0, 0.08 * luck - 0.05)
        strengths["hesitation"] = 0.25 if rng.random() < 0.02 else 0.0
        return strengths
    drive = person.severity * _DIFFICULTY[difficulty]
    weights = {kind: numbers for kind, *numbers in rows_of(_PROVOKES)}[activity]
    weights = np.array(weights, float) * person.habits
    for name, weight in zip(_HABITS, weights.tolist(), strict=True):
        if name == "guarding_stiffness":
            strength = 0.62 * drive * weight + 0.2 * luck
            strengths[name] = 0.0 if strength < 0.08 else min(strength, 1.0)
        elif rng.random() < 0.55 * drive * weight:
            strength = rng.normal(0.4 + 0.4 * drive, 0.2)
            strengths[name] = float(np.clip(strength, 0.15, 1))
    return strengths


def minimum_jerk(progress: np.ndarray) -> np.ndarray:
    """Share of the way at a share of the time, which is clipped to [0, 1].

    The course of natural point-to-point movements (Flash and Hogan, J.
    Neurosci. 5(7), 1985).
    """
    u = np.clip(progress, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


Targets = dict[str, float]
_AIM = re.compile(r"((?:left_|right_)?(\w+))(=?)([-+]?[\d.]+)(r?)")


class Mover:
    """A person in a recording: what was done so far, and how to go on.

    `standing` and `sitting` are postures of this person, by degree of freedom;
    `pose`, `(len(DOFS),)`, is that reached so far, after `frames` frames, and
    `blocks` have all poses, `(n, len(DOFS))` each. `activities` has `(first,
    stop, type, column)` of each finished activity, `episodes` `(behaviour,
    first, stop, strength)` of each protective behaviour, by its index in
    `BEHAVIOURS`. Of the activity that has begun there are `strengths` of each
    behaviour, `first` frame, and `column`, from 1, in the full release.
    """

    def __init__(self, person: Person, difficulty: str, rng):
        self.person, self.difficulty, self.rng = person, difficulty, rng
        upright = person.carriage
        self.standing = {**upright, "thigh_flex": 0.5 * upright["knee"]}
        # On a chair of knee height, feet flat, arms in the lap.
        lap = "pelvis_pitch-6 lumbar_flex+11 thigh_abduct+6 arm_flex+20"
        lap += " thigh_flex=88 knee=90 elbow=52"
        self.sitting = upright | self.aim(lap)
        self.pose = np.zeros(len(DOFS))
        for name, value in {**self.standing, "wobble": 1.0}.items():
            self.pose[columns_of(name)] = value
        self.frames = 0
        self.activities, self.episodes = [], []
        self.blocks, self._luck = [], []

    def aim(self, text: str, posture: Targets | None = None) -> Targets:
        """Degrees of freedom to go to, as text.

        `name=10` is a number of degrees, `name+10` and `name-10` are relative
        to a posture, standing unless given; `r` after the number scales it by
        `reach`.
        """
        targets = {}
        for name, bare, fixed, number, scaled in _AIM.findall(text):
            value = float(number) * (self.reach if scaled else 1)
            at_rest = 0 if fixed else (posture or self.standing)[bare]
            targets[name] = at_rest + value
        return targets

    @property
    def posture(self) -> Targets:
        """Standing or sitting, whichever the person does."""
        sits = self.pose[DOF["left_knee"]] > 60
        return self.sitting if sits else self.standing

    def begin(self, activity: str, column: int = 0, wait: float = 0) -> None:
        """Begins an activity, drawing how it is done, and waits (seconds)."""
        # How stiff, compared with the person's average: eight numbers evenly
        # spread at a time. A short recording has a dozen exercises:
        # independent draws would make some patients protective throughout,
        # and others never.
        if not self._luck:
            even = (np.arange(8) + self.rng.random(8)) / 8
            self._luck = self.rng.permutation(ndtri(even)).tolist()
        how = self.difficulty, activity, self._luck.pop(), self.rng
        self.strengths = _draw_strengths(self.person, *how)
        self._activity, self.column = activity, column
        self.first = self.frames
        self.hold(wait)
        self._moves = self.frames

    def end(self) -> None:
        """Notes the activity, and the behaviours that pervaded all of it."""
        self.mark("guarding_stiffness", self.first)
        self.mark("limping", self.first)
        kind = facts.ACTIVITIES.index(self._activity)
        self.activities.append((self.first, self.frames, kind, self.column))

    def mark(self, behaviour: str, first: int | None = None) -> None:
        """Notes a behaviour from frame `first` to now, if it is shown.

        Without a frame it began with the activity, once the wait was over.
        """
        if strength := self.strengths[behaviour]:
            number = facts.BEHAVIOURS.index(behaviour)
            first = self._moves if first is None else first
            self.episodes.append((number, first, self.frames, strength))

    @property
    def guarding(self) -> float:
        """How stiff the person is in this activity, 0 to 1."""
        return self.strengths["guarding_stiffness"]

    @property
    def reach(self) -> float:
        """Range of movement: 1 is average, guarding takes up to 60 %."""
        return self.person.reach * (1 - 0.6 * self.guarding)

    def duration(self, seconds: float) -> float:
        """What takes this person now what takes others so many seconds."""
        pace = self.person.tempo * (1 - 0.55 * self.guarding)
        return seconds / pace * float(self.rng.uniform(0.88, 1.14))

    def add(self, block: np.ndarray) -> None:
        """Appends `(n, len(DOFS))` poses."""
        if len(block):
            self.blocks.append(block)
            self.frames += len(block)
            self.pose = block[-1].copy()

    def repeated(self, frames: int) -> np.ndarray:
        """The pose reached so far, `(frames, len(DOFS))`."""
        return np.repeat(self.pose[None], frames, axis=0)

    def hold(self, seconds: float) -> None:
        """Stays in the pose reached so far."""
        self.add(self.repeated(round(seconds * facts.FRAME_RATE)))

    def left(self, seconds: float) -> float:
        """What is left of so many seconds since the activity began."""
        return seconds - (self.frames - self.first) / facts.FRAME_RATE

    def rest(self, seconds: float) -> None:
        """Stays until the activity has lasted so long, or a short while."""
        self.hold(max(self.left(seconds), 0.35))

    def go(
        self,
        seconds: float,
        targets: Targets,
        delays: Targets | None = None,
        course: Callable = minimum_jerk,
    ) -> None:
        """Changes degrees of freedom, see `columns_of`, within some seconds.

        A delay is the share of the duration by which one starts late; negative:
        by which it ends early. The course is the share of the distance as a
        function of the share of time, of and to `(T,)`.
        """
        frames = max(2, round(seconds * facts.FRAME_RATE))
        time = np.arange(1, frames + 1) / frames
        block = self.repeated(frames)
        for name, target in targets.items():
            delay = (delays or {}).get(name, 0.0)
            share = course((time - max(delay, 0)) / (1 - abs(delay)))
            columns = columns_of(name)
            start = self.pose[columns]
            block[:, columns] = start + share[:, None] * (target - start)
            # A course may stop short of its end; the pose may not.
            block[-1, columns] = target
        self.add(block)

    def move(
        self, seconds: float, targets: Targets, delays: Targets | None = None
    ) -> None:
        """As `go`, in this person's way, who may jerk through it or hesitate.

        The duration is that of an average person in no pain.
        """
        first, rng = self.frames, self.rng
        seconds = self.duration(seconds)
        jerk = self.strengths["jerky_motion"]
        pause = self.strengths["hesitation"]
        if jerk and rng.random() < 0.75:
            self.go(seconds * (1 - 0.25 * jerk), targets, course=self._jerky)
            self.mark("jerky_motion", first)
        elif pause and rng.random() < 0.7:
            # Starts, stops, draws back a little, waits, and goes on.
            share = rng.uniform(0.2, 0.45)
            partway, back = {}, {}
            for name, target in targets.items():
                now = self.pose[columns_of(name)[0]]
                partway[name] = now + share * (target - now)
                back[name] = now + 0.75 * (partway[name] - now)
            self.go(seconds * 0.55, partway)
            self.go(0.4, back)
            self.hold(0.3 + 1.6 * pause * rng.uniform(0.6, 1.2))
            self.go(seconds * 0.9, targets)
            self.mark("hesitation", first)
        else:
            self.go(seconds, targets, delays)

    def _jerky(self, progress):
        """A course broken into a few sudden jumps with stops between."""
        rng, jumps = self.rng, self.rng.integers(2, 4)
        starts = np.linspace(0.02, 0.78, jumps)
        starts = starts + rng.uniform(-0.04, 0.06, jumps)
        sizes = rng.uniform(0.6, 1.4, jumps)
        steps = minimum_jerk((progress[:, None] - starts) / 0.16)
        return steps @ (sizes / sizes.sum())

    def support(self, where: str) -> Targets:
        """Targets that bring hands `on_thigh` or `on_chair`, if wanted."""
        strength = self.strengths["support_bracing"]
        if not strength:
            return {}
        # Mild support: one hand, lightly.
        sides = SIDES if strength > 0.6 else (self.person.sore_side,)
        return {f"{side}_{where}": min(1.0, strength + 0.5) for side in sides}

    def rub(self) -> None:
        """Rubs the lower back with one hand, if the person wants to."""
        strength = self.strengths["rubbing_stimulation"]
        if not strength:
            return
        first, rng, side = self.frames, self.rng, self.person.sore_side
        twist = 6.0 * SIDES[side]
        self.go(0.8, {f"{side}_on_back": 1.0, "thorax_twist": twist})
        frames = round((1.5 + 3.5 * strength * rng.uniform(0.6, 1.3)) * 60)
        time = np.arange(frames) / facts.FRAME_RATE
        envelope = np.clip(np.minimum(time, time[::-1]) / 0.4, 0, 1)
        rate = rng.uniform(1.0, 1.9)
        block = self.repeated(frames)
        rubs = rng.uniform(3.0, 5.5) * envelope * np.sin(tau * rate * time)
        block[:, DOF[f"{side}_rub"]] = rubs
        self.add(block)
        self.mark("rubbing_stimulation", first)
        self.go(0.8, {f"{side}_on_back": 0.0, "thorax_twist": 0.0})
