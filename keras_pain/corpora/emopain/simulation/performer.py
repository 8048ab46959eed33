"""A person at work on a score: movements in a style, with its behaviours."""

import numpy as np
from scipy.special import ndtri

from keras_pain.corpora.emopain.layout import ACTIVITIES, FRAME_RATE
from keras_pain.corpora.emopain.simulation.behaviours import (
    Style,
    draw_style,
    pace_of,
    reach_of,
)
from keras_pain.corpora.emopain.simulation.people import Person
from keras_pain.corpora.emopain.simulation.pose import DOF, SIDES, pose_of
from keras_pain.corpora.emopain.simulation.score import Score, abrupt


class Performer:
    """Writes a person's movements into a score.

    Args:
        person: Who performs.
        difficulty: `"N"` or `"D"`.
        rng: Source of randomness.
    """

    def __init__(
        self, person: Person, difficulty: str, rng: np.random.Generator
    ):
        self.person = person
        self.difficulty = difficulty
        self.rng = rng
        self.style = Style()
        self._draws: list[float] = []
        self.standing = _standing(person)
        self.sitting = _sitting(person)
        self.score = Score(pose_of(**self.standing, wobble=1.0))

    @property
    def reach(self) -> float:
        """Range of movement in the style of the moment."""
        return reach_of(self.person, self.style)

    @property
    def sore(self) -> str:
        """The side that hurts."""
        return self.person.sore_side

    def duration(self, seconds: float) -> float:
        """What a movement takes here that takes others so many seconds."""
        pace = pace_of(self.person, self.style)
        return seconds / pace * float(self.rng.uniform(0.88, 1.14))

    def _luck(self) -> float:
        """Standard normal numbers, eight at a time evenly spread.

        A short recording has a dozen exercises: independent draws would make
        some patients protective throughout, and others never.
        """
        if not self._draws:
            even = (np.arange(8) + self.rng.random(8)) / 8
            self._draws = self.rng.permutation(ndtri(even)).tolist()
        return self._draws.pop()

    def begin(self, activity: str) -> int:
        """Draws the style of an activity and returns its first frame."""
        self.style = draw_style(
            self.person, self.difficulty, activity, self._luck(), self.rng
        )
        return self.score.frames

    def end(self, activity: str, first: int, column: int = 0) -> None:
        """Notes the activity since `first`, and what pervaded all of it."""
        for name in ("guarding_stiffness", "limping"):
            self.score.mark(name, first, getattr(self.style, name))
        kind = ACTIVITIES.index(activity)
        self.score.mark_activity(first, kind, column)
        self.style = Style()

    def move(
        self,
        seconds: float,
        targets: dict[str, float],
        delays: dict[str, float] | None = None,
        *,
        demanding: bool = True,
    ) -> None:
        """Moves in the style of the moment.

        Args:
            seconds: Duration for an average person in no pain.
            targets: Degrees of freedom by name.
            delays: As for `Score.move`.
            demanding: Whether the movement is one a person may hesitate in or
                jerk through.
        """
        score, style, rng = self.score, self.style, self.rng
        first = score.frames
        seconds = self.duration(seconds)
        if demanding and style.jerky_motion and rng.random() < 0.75:
            score.move(
                seconds * (1 - 0.25 * style.jerky_motion),
                targets,
                course=lambda share: abrupt(share, rng),
            )
            score.mark("jerky_motion", first, style.jerky_motion)
            return
        if demanding and style.hesitation and rng.random() < 0.7:
            self._hesitate(seconds, targets)
            return
        score.move(seconds, targets, delays=delays)

    def _hesitate(self, seconds, targets):
        """Starts, stops, draws back a little, waits, and goes on."""
        score, strength = self.score, self.style.hesitation
        first = score.frames
        share = self.rng.uniform(0.2, 0.45)
        start = {}
        for name in targets:
            column = DOF[name if name in DOF else f"left_{name}"]
            start[name] = score.pose[column]
        partway = {
            name: start[name] + share * (target - start[name])
            for name, target in targets.items()
        }
        back = {
            name: start[name] + 0.75 * (value - start[name])
            for name, value in partway.items()
        }
        score.move(seconds * 0.55, partway)
        score.move(0.4, back)
        score.hold(0.3 + 1.6 * strength * self.rng.uniform(0.6, 1.2))
        score.move(seconds * 0.9, targets)
        score.mark("hesitation", first, strength)

    def support(self, where: str) -> dict[str, float]:
        """Targets that bring hands to a support, if the style wants one.

        Args:
            where: `"on_thigh"` or `"on_chair"`.
        """
        strength = self.style.support_bracing
        if not strength:
            return {}
        # Mild support: one hand, lightly.
        sides = SIDES if strength > 0.6 else (self.sore,)
        return {f"{side}_{where}": min(1.0, strength + 0.5) for side in sides}

    def rub(self) -> None:
        """Rubs the lower back with one hand, if the style wants it."""
        strength = self.style.rubbing_stimulation
        if not strength:
            return
        score, side, rng = self.score, self.sore, self.rng
        first, hand = score.frames, f"{self.sore}_on_back"
        score.move(0.8, {hand: 1.0, "thorax_twist": twist_towards(side)})
        frames = round((1.5 + 3.5 * strength * rng.uniform(0.6, 1.3)) * 60)
        time = np.arange(frames) / FRAME_RATE
        envelope = np.clip(np.minimum(time, time[::-1]) / 0.4, 0, 1)
        rate = rng.uniform(1.0, 1.9)
        block = np.repeat(score.pose[None], frames, axis=0)
        block[:, DOF[f"{side}_rub"]] = (
            rng.uniform(3.0, 5.5) * envelope * np.sin(2 * np.pi * rate * time)
        )
        score.add(block)
        score.mark("rubbing_stimulation", first, strength)
        score.move(0.8, {hand: 0.0, "thorax_twist": 0.0})


def twist_towards(side: str) -> float:
    """Twist of the upper trunk towards the hand that reaches back."""
    return 6.0 if side == "left" else -6.0


def _standing(person: Person) -> dict[str, float]:
    pose = dict(person.carriage)
    pose["thigh_flex"] = 0.5 * pose["knee"]
    return pose


def _sitting(person: Person) -> dict[str, float]:
    """Sits upright on a chair of knee height, feet flat, arms in the lap."""
    pose = dict(person.carriage)
    pose.update(
        pelvis_pitch=pose["pelvis_pitch"] - 6,
        lumbar_flex=pose["lumbar_flex"] + 11,
        thigh_flex=88.0,
        thigh_abduct=pose["thigh_abduct"] + 6,
        knee=90.0,
        arm_flex=pose["arm_flex"] + 20,
        elbow=52.0,
    )
    return pose
