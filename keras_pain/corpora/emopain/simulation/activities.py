"""The exercises of the EmoPain recordings, as movements.

Every function performs one activity that lasts about `seconds`: the movement
takes the time that the person's tempo and style give it, what is left is
spent in the end posture.
"""

from keras_pain.corpora.emopain.simulation.performer import Performer

_BRACES = ("on_thigh", "on_chair")


def _rest(performer: Performer, first: int, seconds: float) -> None:
    """Stays until `seconds` after frame `first`, at least a short while."""
    left = seconds - (performer.score.frames - first) / 60
    performer.score.hold(max(left, 0.35))


def _release(performer: Performer) -> dict[str, float]:
    return {name: 0.0 for name in _BRACES}


def standing_still(performer: Performer, seconds: float, column: int) -> None:
    """Stands still for a while, shifting the weight now and then."""
    first = performer.begin("standing_still")
    _keep_still(performer, first, seconds, performer.standing, "on_thigh")
    performer.end("standing_still", first, column)


def sitting_still(performer: Performer, seconds: float, column: int) -> None:
    """Sits still for a while; bracing patients lean on the chair."""
    first = performer.begin("sitting_still")
    _keep_still(performer, first, seconds, performer.sitting, "on_chair")
    performer.end("sitting_still", first, column)


def _keep_still(performer, first, seconds, posture, where):
    score, rng = performer.score, performer.rng
    stiff = performer.style.guarding_stiffness
    score.hold(rng.uniform(0.5, 1.5))
    brace = performer.support(where)
    if brace:
        start = score.frames
        lean = {**brace, "lumbar_side": posture["lumbar_side"] + 4}
        score.move(1.0, lean)
        score.hold(min(0.45 * seconds, rng.uniform(3, 7)))
        score.mark("support_bracing", start, performer.style.support_bracing)
        score.move(
            1.0, {**_release(performer), "lumbar_side": posture["lumbar_side"]}
        )
    performer.rub()
    while score.frames - first < (seconds - 3) * 60:
        shift = rng.normal(0, 1 - 0.7 * stiff, 4)
        score.move(
            rng.uniform(0.8, 1.6),
            {
                "lumbar_flex": posture["lumbar_flex"] + 2.5 * shift[0],
                "lumbar_side": posture["lumbar_side"] + 2.0 * shift[1],
                "neck_twist": 12 * shift[2],
                "arm_flex": posture["arm_flex"] + 3 * shift[3],
            },
        )
        score.hold(min(rng.uniform(1.5, 5), seconds))
    back = ("lumbar_flex", "lumbar_side", "arm_flex")
    score.move(
        0.8, {**{name: posture[name] for name in back}, "neck_twist": 0.0}
    )
    _rest(performer, first, seconds)


def one_leg_stand(
    performer: Performer, seconds: float, column: int, side: str
) -> None:
    """Lifts one foot, balances, and puts it down."""
    first = performer.begin("one_leg_stand")
    score, rest = performer.score, performer.standing
    score.hold(0.4)
    reach = performer.reach
    out = 1 if side == "left" else -1
    brace = performer.support("on_thigh")
    start = score.frames
    performer.move(
        1.0,
        {
            f"{side}_thigh_flex": 48 * reach,
            f"{side}_knee": 82 * reach,
            f"{side}_foot_pitch": -22 * reach,
            "pelvis_roll": 4 * out * reach,
            "lumbar_side": rest["lumbar_side"] - 4 * out,
            "arm_abduct": rest["arm_abduct"] + 9 * reach,
            "wobble": 2.6,
            **brace,
        },
    )
    left = seconds - (score.frames - first) / 60 - performer.duration(1.2)
    score.hold(max(left, 1.0))
    performer.move(
        0.9,
        {
            f"{side}_thigh_flex": rest["thigh_flex"],
            f"{side}_knee": rest["knee"],
            f"{side}_foot_pitch": 0.0,
            "pelvis_roll": 0.0,
            "lumbar_side": rest["lumbar_side"],
            "arm_abduct": rest["arm_abduct"],
            "wobble": 1.0,
            **_release(performer),
        },
    )
    if brace:
        score.mark("support_bracing", start, performer.style.support_bracing)
    _rest(performer, first, seconds)
    performer.end("one_leg_stand", first, column)


def reach_forward(performer: Performer, seconds: float, column: int) -> None:
    """Stretches both arms forward at shoulder height as far as it goes."""
    first = performer.begin("reach_forward")
    score, rest, reach = performer.score, performer.standing, performer.reach
    score.hold(0.4)
    brace = performer.support("on_thigh")
    start = score.frames
    arms = {"arm_flex": 84.0, "elbow": 10.0, "arm_abduct": 3.0, "shrug": 5.0}
    performer.move(0.9, {**arms, **brace}, demanding=False)
    performer.move(
        1.4,
        {
            "pelvis_pitch": rest["pelvis_pitch"] + 34 * reach,
            "lumbar_flex": rest["lumbar_flex"] + 15 * reach,
            "thorax_flex": rest["thorax_flex"] + 9 * reach,
            "neck_flex": rest["neck_flex"] - 26 * reach,
            "arm_flex": 78 + 12 * reach,
            "thigh_flex": rest["thigh_flex"] + 7 * reach,
            "wobble": 1.4,
        },
    )
    score.hold(performer.rng.uniform(0.8, 1.8))
    performer.move(1.3, _upright(performer), {"neck_flex": -0.2})
    performer.move(
        0.9,
        {
            **{name: rest[name] for name in ("arm_flex", "elbow")},
            "arm_abduct": rest["arm_abduct"],
            "shrug": 0.0,
            "wobble": 1.0,
            **_release(performer),
        },
        demanding=False,
    )
    if brace:
        score.mark("support_bracing", start, performer.style.support_bracing)
    performer.rub()
    _rest(performer, first, seconds)
    performer.end("reach_forward", first, column)


def bend(performer: Performer, seconds: float, column: int) -> None:
    """Bends down towards the floor and comes up again.

    A guarded bend keeps the back straight and lowers the body by the knees.
    """
    first = performer.begin("bend")
    score, rest, reach = performer.score, performer.standing, performer.reach
    stiff = performer.style.guarding_stiffness
    score.hold(0.4)
    brace = performer.support("on_thigh")
    knee = rest["knee"] + 12 + 40 * stiff
    start = score.frames
    performer.move(
        1.6,
        {
            "pelvis_pitch": rest["pelvis_pitch"] + 50 * reach,
            "lumbar_flex": rest["lumbar_flex"] + 42 * reach,
            "thorax_flex": rest["thorax_flex"] + 16 * reach,
            "neck_flex": rest["neck_flex"] - 8 * reach,
            "thigh_flex": 10 + 0.55 * knee,
            "knee": knee,
            "arm_flex": 12.0,
            "elbow": 11.0,
            "arm_abduct": 4.0,
            "wobble": 1.3,
            **brace,
        },
        {"pelvis_pitch": -0.12, "lumbar_flex": 0.12, "knee": 0.15},
    )
    score.hold(performer.rng.uniform(0.5, 1.2))
    performer.move(
        1.6,
        {
            **_upright(performer),
            **{name: rest[name] for name in ("arm_flex", "elbow")},
            "arm_abduct": rest["arm_abduct"],
            "wobble": 1.0,
        },
        {"lumbar_flex": -0.15, "pelvis_pitch": 0.1},
    )
    if brace:
        score.mark("support_bracing", start, performer.style.support_bracing)
        performer.move(0.6, _release(performer), demanding=False)
    performer.rub()
    _rest(performer, first, seconds)
    performer.end("bend", first, column)


def _upright(performer: Performer) -> dict[str, float]:
    names = ("pelvis_pitch", "lumbar_flex", "thorax_flex", "neck_flex")
    names += ("thigh_flex", "knee")
    return {name: performer.standing[name] for name in names}
