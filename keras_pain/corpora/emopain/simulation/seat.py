"""Rising from a chair and sitting down on it."""

from keras_pain.corpora.emopain.simulation.performer import Performer


def sit_to_stand(performer: Performer, seconds: float, column: int) -> None:
    """Leans forward, rises over the feet, and straightens.

    A guarded rise keeps the trunk upright and takes its time; a braced one
    pushes off the chair or the thighs.
    """
    first = performer.begin("sit_to_stand")
    score, rest, seat = performer.score, performer.standing, performer.sitting
    reach = performer.reach
    score.hold(0.4)
    start = score.frames
    chair = performer.rng.random() < 0.5
    brace = performer.support("on_chair" if chair else "on_thigh")
    performer.move(
        0.8,
        {
            "pelvis_pitch": seat["pelvis_pitch"] + 34 * reach,
            "lumbar_flex": seat["lumbar_flex"] + 6 * reach,
            "neck_flex": rest["neck_flex"] - 14 * reach,
            "knee": 101.0,
            "arm_flex": 30.0,
            "elbow": 40.0,
            **brace,
        },
        {"knee": 0.1},
    )
    if brace and chair:
        # The hands leave the chair while the body rises.
        release = {name: 0.0 for name in brace}
        delays = {name: -0.55 for name in brace}
    else:
        release, delays = {}, {}
    performer.move(
        1.15,
        {**rest, **release},
        {"pelvis_pitch": 0.2, "lumbar_flex": 0.15, "neck_flex": 0.1, **delays},
    )
    if brace:
        score.mark("support_bracing", start, performer.style.support_bracing)
        score.move(0.6, {"on_thigh": 0.0, "on_chair": 0.0})
    performer.rub()
    _settle(performer, first, seconds)
    performer.end("sit_to_stand", first, column)


def stand_to_sit(performer: Performer, seconds: float, column: int) -> None:
    """Leans forward, lowers the body onto the chair, and sits back."""
    first = performer.begin("stand_to_sit")
    score, rest, seat = performer.score, performer.standing, performer.sitting
    reach = performer.reach
    score.hold(0.4)
    start = score.frames
    brace = performer.support(
        "on_chair" if performer.rng.random() < 0.5 else "on_thigh"
    )
    performer.move(
        1.35,
        {
            "pelvis_pitch": rest["pelvis_pitch"] + 36 * reach,
            "lumbar_flex": rest["lumbar_flex"] + 10 * reach,
            "neck_flex": rest["neck_flex"] - 12 * reach,
            "thigh_flex": seat["thigh_flex"],
            "thigh_abduct": seat["thigh_abduct"],
            "knee": 99.0,
            "arm_flex": 32.0,
            "elbow": 38.0,
            **brace,
        },
        {"pelvis_pitch": -0.15},
    )
    performer.move(0.9, {**seat, "on_thigh": 0.0, "on_chair": 0.0})
    if brace:
        score.mark("support_bracing", start, performer.style.support_bracing)
    _settle(performer, first, seconds)
    performer.end("stand_to_sit", first, column)


def _settle(performer, first, seconds):
    left = seconds - (performer.score.frames - first) / 60
    performer.score.hold(max(left, 0.35))
