"""What simulated people do: motion, muscles, behaviours, raters."""

import collections

import numpy as np
import pytest

from keras_pain.corpora.emopain.layout import (
    ACTIVITIES,
    BEHAVIOURS,
    LAYOUTS,
)
from keras_pain.corpora.emopain.simulation.people import cast, ids_of
from keras_pain.corpora.emopain.simulation.performance import perform
from keras_pain.corpora.emopain.simulation.protocol import COLUMN
from keras_pain.corpora.emopain.simulation.raters import merged
from keras_pain.signals.kinematics import (
    JOINTS_26,
    joint_angles,
)

BONES = (
    ("left_upper_leg", "left_lower_leg"),
    ("right_lower_leg", "right_ankle"),
    ("left_upper_arm", "left_lower_arm"),
    ("right_lower_arm", "right_wrist"),
    ("left_shoulder", "left_upper_arm"),
    ("hip", "spine"),
    ("spine_1", "neck"),
    ("head", "crown"),
)
J = {name: index for index, name in enumerate(JOINTS_26)}


@pytest.fixture(scope="module")
def performances():
    """Every recording of the full corpus; joints in single precision."""
    people = cast("full", 0)
    kept = []
    for person in people:
        for difficulty in person.difficulties:
            recording = perform(person, difficulty, "full", 0)
            recording.joints = recording.joints.astype(np.float32)
            kept.append(recording)
    return kept


def test_bones_keep_their_length(performances):
    for recording in performances[::6]:
        for start, end in BONES:
            bone = recording.joints[:, J[start]] - recording.joints[:, J[end]]
            length = np.linalg.norm(bone, axis=1)
            assert np.ptp(length) < 2e-3, (start, end)


def test_feet_stand_on_the_floor_and_do_not_slide(performances):
    feet = [J[f"{s}_{p}"] for s in ("left", "right") for p in ("heel", "toes")]
    for recording in performances[::6]:
        lowest = recording.joints[:, feet, 1].min(axis=1)
        assert np.abs(lowest).max() < 1e-3
        still = recording.activity == ACTIVITIES.index("standing_still")
        sole = recording.joints[still][:, feet].mean(axis=1)
        step = np.linalg.norm(np.diff(sole[:, [0, 2]], axis=0), axis=1)
        assert np.median(step) < 0.05


def test_knees_are_bent_when_sitting_and_straight_when_standing(performances):
    for recording in performances[::4]:
        knees = joint_angles(recording.joints)[:, 4:6]
        sits = recording.activity == ACTIVITIES.index("sitting_still")
        stands = recording.activity == ACTIVITIES.index("standing_still")
        assert abs(np.median(knees[sits]) - 90) < 8
        assert np.median(knees[stands]) > 160
        hip = recording.joints[:, J["hip"], 1]
        assert hip[sits].mean() < hip[stands].mean() - 30


def test_movement_is_smooth_unless_it_is_abrupt(performances):
    abrupt = BEHAVIOURS.index("jerky_motion")
    for recording in performances[::5]:
        angles = joint_angles(recording.joints)
        assert np.isfinite(angles).all()
        jumps = np.abs(np.diff(angles, axis=0))
        calm = recording.intensity[1:, abrupt] == 0
        assert jumps[calm].max() < 9


def test_a_bend_bends(performances):
    drop = {"healthy": [], "patient": []}
    inner = {"healthy": [], "patient": []}
    for recording in performances:
        rows = recording.instance == COLUMN["Bend 1"]
        joints = recording.joints[rows]
        wrists = joints[:, [J["left_wrist"], J["right_wrist"]], 1].mean(axis=1)
        group = recording.person.group
        drop[group].append(wrists[0] - wrists.min())
        inner[group].append(joint_angles(joints)[:, 2].min())
    assert min(drop["healthy"]) > 35
    assert max(inner["healthy"]) < 140
    # Guarding takes range.
    assert np.mean(drop["patient"]) < np.mean(drop["healthy"]) - 8
    assert np.mean(inner["patient"]) > np.mean(inner["healthy"]) + 5


def test_walking_walks(performances):
    for recording in performances[::5]:
        rows = recording.activity == ACTIVITIES.index("walking")
        ankles = recording.joints[rows][:, [J["left_ankle"], J["right_ankle"]]]
        apart = ankles[:, 0] - ankles[:, 1]
        hip = recording.joints[rows, J["hip"]][:, [0, 2]]
        way = np.linalg.norm(np.diff(hip, axis=0), axis=1).sum() / 100
        speed = way / (rows.sum() / 60)
        assert 0.2 < speed < 1.8
        assert np.linalg.norm(apart[:, [0, 2]], axis=1).max() > 25


def test_flexion_relaxation_in_healthy_people_only(performances):
    ratio = {"healthy": [], "patient": []}
    for recording in performances:
        rows = recording.instance == COLUMN["Bend 1"]
        inner = joint_angles(recording.joints[rows])[:, 2:4].mean(axis=1)
        lumbar = recording.semg[rows, :2].mean(axis=1)
        depth = (inner.max() - inner) / np.ptp(inner)
        deep = np.median(lumbar[depth > 0.95])
        half = np.median(lumbar[(depth > 0.45) & (depth < 0.8)])
        ratio[recording.person.group].append(deep / half)
    assert np.median(ratio["healthy"]) < 0.7
    assert np.median(ratio["patient"]) > 0.9
    assert min(ratio["patient"]) > max(ratio["healthy"])


def test_resting_muscles_are_tenser_in_patients(performances):
    rest = {"healthy": [], "patient": []}
    for recording in performances:
        still = recording.activity == ACTIVITIES.index("standing_still")
        rest[recording.person.group].append(
            np.median(recording.semg[still, :2])
        )
    assert np.median(rest["patient"]) > 1.2 * np.median(rest["healthy"])


def intraclass_correlation(marks):
    """ICC(2,1) and ICC(2,k) of `(targets, raters)`, Shrout and Fleiss."""
    targets, raters = marks.shape
    mean = marks.mean()
    rows = raters * np.sum((marks.mean(axis=1) - mean) ** 2) / (targets - 1)
    columns = targets * np.sum((marks.mean(axis=0) - mean) ** 2)
    total = np.sum((marks - mean) ** 2)
    error = total - rows * (targets - 1) - columns
    error /= (targets - 1) * (raters - 1)
    columns /= raters - 1
    spread = (columns - error) / targets
    single = (rows - error) / (rows + (raters - 1) * error + raters * spread)
    return single, (rows - error) / (rows + spread)


def test_raters_disagree_as_measured(performances):
    ratings = np.concatenate(
        [r.ratings for r in performances if r.person.group == "patient"]
    )
    guarding = (ratings[:, :, 0] > 0).mean(axis=0)
    np.testing.assert_allclose(guarding, [0.04, 0.22, 0.10, 0.29], atol=0.06)
    assert guarding[0] < guarding[2] < guarding[1] < guarding[3]
    assert (ratings[:, 1] == 1).mean() < 0.001
    assert (ratings[:, 1] == 2).any()
    single, average = intraclass_correlation(
        (ratings > 0).any(axis=2).astype(float)
    )
    assert 0.14 < single < 0.29
    assert 0.40 < average < 0.63


def test_protective_share(performances):
    share = collections.defaultdict(list)
    for recording in performances:
        person = recording.person
        positive = merged(recording.ratings)
        share[person.group].append(positive)
        if person.group == "patient":
            share[recording.difficulty].append(positive)
            share[person.split].append(positive)
            share[person.pain_level].append(positive)
    share = {key: np.concatenate(value).mean() for key, value in share.items()}
    assert 0.06 < share["patient"] < 0.20
    assert share["healthy"] < 0.01
    assert share["D"] > 1.2 * share["N"]
    assert share[2] > 1.2 * share[1]
    assert share["validation"] < 0.7 * share["train"]


def test_full_corpus_has_the_size_of_the_real_one(performances):
    rows = collections.Counter()
    for recording in performances:
        rows[recording.person.group] += len(recording)
    assert len(performances) == 46
    assert abs(rows["patient"] / 473_210 - 1) < 0.05
    assert abs(rows["healthy"] / 216_000 - 1) < 0.05
    people = cast("full", 0)
    cells = collections.Counter(
        (p.split, p.group, len(p.difficulties)) for p in people
    )
    assert cells["train", "patient", 2] == 6
    assert sum(n for (s, _, _), n in cells.items() if s == "train") == 16
    assert sum(p.group == "patient" for p in people) == 18
    for layout in LAYOUTS:
        assert len(set(ids_of(people, layout, 0).values())) == 30
