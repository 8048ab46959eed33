"""UI-PRMD: marker repair, marker-to-joint map, reader."""

import gzip

import numpy as np
import pytest

from keras_pain.corpora import ui_prmd
from keras_pain.corpora.base import Findings, read_corpus
from keras_pain.corpora.ui_prmd import layout, reader
from keras_pain.corpora.ui_prmd.reader import joints_from_markers
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.signals.kinematics import ANGLE_NAMES, JOINTS_26, joint_angles
from tfds_builders.ui_prmd.make_dummy_data import markers, write

CORRECT, INCORRECT = layout.FOLDERS.values()
KNEES = [ANGLE_NAMES.index("left_knee"), ANGLE_NAMES.index("right_knee")]


def at(*names):
    return [layout.MARKERS.index(name) for name in names]


def turned(points, about_z, shift=(0, 0, 0)):
    c, s = np.cos(about_z), np.sin(about_z)
    return points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + shift


@pytest.fixture
def episode(tmp_path):
    """A folder with one good episode, and where to put another."""
    write(tmp_path / CORRECT / "m05_s01_e01_positions.txt", markers(300))
    return tmp_path


def read_only_file(root):
    (raw_file,) = ui_prmd.find_files(root)
    return ui_prmd.read_file(raw_file)


def test_map_covers_every_joint_and_names_only_markers():
    assert set(layout.JOINTS) == set(JOINTS_26)
    for name, weights in layout.JOINTS.items():
        assert sum(weights.values()) == pytest.approx(1), name
        assert set(weights) <= set(layout.MARKERS), name
    assert len(layout.MARKERS) == len(set(layout.MARKERS)) == 39


def test_joints_are_centimetres_with_y_up_and_the_left_on_the_left():
    joints = joints_from_markers(markers(0.0))[0]
    at_joint = dict(zip(JOINTS_26, joints, strict=True))
    assert 165 < at_joint["crown"][1] < 185
    assert at_joint["left_toes"][1] < at_joint["left_lower_leg"][1]
    # The figure faces +x, so that its left is -z with Y up.
    assert at_joint["left_wrist"][2] < at_joint["right_wrist"][2]
    between_hips = at_joint["left_upper_leg"] - at_joint["right_upper_leg"]
    assert 14 < np.linalg.norm(between_hips) < 22
    assert at_joint["left_upper_leg"][1] < at_joint["hip"][1]


def test_angles_do_not_depend_on_where_the_person_stands_or_looks():
    standing = markers(250.0)
    moved = turned(standing, 2.0, shift=(700, -300, 0))
    np.testing.assert_allclose(
        joint_angles(joints_from_markers(moved)),
        joint_angles(joints_from_markers(standing)),
        atol=1e-6,
    )


def test_knee_is_straight_standing_and_square_seated():
    pose = markers(0.0, frames=1)
    assert (joint_angles(joints_from_markers(pose))[0, KNEES] > 165).all()
    seated = pose.copy()
    for side in "LR":
        hip = joints_from_markers(pose)[0, JOINTS_26.index("hip")] * 10
        y = seated[0, at(f"{side}KNE")[0], 1]
        seated[0, at(f"{side}KNE")] = (400, y, hip[1] - 85)
        seated[0, at(f"{side}ANK")] = (400, y, 90)
    knees = joint_angles(joints_from_markers(seated))[0, KNEES]
    np.testing.assert_allclose(knees, 90, atol=8)


def repair(lossy):
    """The repaired markers, the findings and the problem."""
    found, before = Findings(), lossy.copy()
    repaired, problem = reader.repair_markers(found, lossy)
    np.testing.assert_array_equal(lossy, before)
    return repaired, found, problem


def test_a_marker_comes_back_from_its_cluster_exactly_if_that_is_rigid():
    moving = turned(markers(200.0), 0.4)
    lossy = moving.copy()
    lossy[5:55, at("LASI")] = 0
    repaired, findings, problem = repair(lossy)
    assert not problem
    np.testing.assert_allclose(repaired, moving, atol=1e-6)
    assert [f.rule for f in findings] == ["rigid_cluster"]
    assert "LASI 50 frames" in findings[0].detail


def test_a_wrist_that_is_never_seen_comes_from_the_other_arm():
    lossy = markers(200.0)
    lossy[:, at("LWRB")] = np.nan
    repaired, findings, problem = repair(lossy)
    assert not problem
    assert [f.rule for f in findings] == ["mirrored_cluster"]
    # The invented figure is symmetric, so that the mirror image is exact.
    np.testing.assert_allclose(repaired, markers(200.0), atol=1e-6)


def test_a_fit_that_contradicts_what_is_seen_is_not_used():
    lossy = markers(200.0)
    lossy[10:15, at("LASI")] = 0
    lossy[10:15, at("RASI")] += (0, 300, 0)  # as if labels were swapped
    repaired, findings, _ = repair(lossy)
    assert [f.rule for f in findings] == ["short_gap"]
    assert np.isfinite(repaired).all()


def test_short_gaps_are_bridged_by_a_line_and_held_at_the_ends():
    lossy = markers(200.0)
    lossy[:10, at("LKNE")] = 0
    lossy[20:45, at("RANK")] = np.nan
    truth = lossy[[19, 45]][:, at("RANK")]
    repaired, findings, problem = repair(lossy)
    assert not problem
    assert [f.rule for f in findings] == ["short_gap"]
    held = repaired[:10, at("LKNE")] - lossy[10, at("LKNE")]
    np.testing.assert_allclose(held, 0)
    line = np.linspace(truth[0], truth[1], 27)[1:-1]
    np.testing.assert_allclose(repaired[20:45, at("RANK")], line)


def test_a_long_gap_of_a_needed_marker_refuses_and_says_which():
    lossy = markers(200.0)
    lossy[20:46, at("RANK")] = 0
    problem = repair(lossy)[2]
    assert "25 frames" in problem and "RANK 26 frames" in problem


def test_a_marker_that_no_joint_needs_may_be_missing():
    lossy = markers(200.0)
    lossy[:, at("LTHI")] = 0
    _, findings, problem = repair(lossy)
    assert not problem
    assert [(f.rule, f.action) for f in findings] == [
        ("unused_marker", "noted")
    ]


def test_resampling_is_exact_on_lines_and_never_rings():
    line = np.arange(101.0)[:, None] * [1.0, -2.0]
    out = reader.resample(line, 100.0, 60.0)
    assert len(out) == 61
    np.testing.assert_allclose(out[:, 0], np.arange(61) / 0.6)
    step = np.repeat([0.0, 1.0], 50)
    out = reader.resample(step, 100.0, 60.0)
    assert out.min() == 0 and out.max() == 1
    assert (np.diff(out) >= 0).all()


@pytest.mark.parametrize("frames", [2, 3, 50, 123])
def test_resampling_stays_inside_the_recording(frames):
    out = reader.resample(np.arange(frames, dtype=float), 100.0, 60.0)
    assert out[0] == 0
    assert frames - 1 - 100 / 60 < out[-1] <= frames - 1


def test_recording_of_an_episode(episode):
    recording, findings = read_only_file(episode)
    frames = len(recording)
    assert [f.rule for f in findings] == ["release"]  # not its content
    assert frames == 36  # 60 frames at 100 Hz
    assert recording.angles.shape == recording.energies.shape == (frames, 13)
    assert recording.joints.shape == (frames, 26, 3)
    assert recording.semg.shape == (frames, 4) and not recording.semg.any()
    assert recording.raters.shape == (frames, 0, 7)
    assert (recording.protective == -1).all()
    assert (recording.pain_level == -1).all()
    assert (recording.activity == 5).all()
    assert recording.frame_rate == 60
    assert (recording.label, recording.exercise) == ("correct", "m05")
    assert (recording.subject_id, recording.repetition) == ("s01", 1)
    assert recording.group == "healthy"
    assert recording.name == "m05_s01_e01_correct"
    assert not recording.simulated
    np.testing.assert_allclose(
        recording.energies[1:],
        np.diff(recording.angles, axis=0) ** 2,
        atol=1e-3,
    )
    assert not recording.energies[0].any()


def test_compressed_and_plain_files_read_alike(episode, tmp_path):
    plain, _ = read_only_file(episode)
    path = next(episode.rglob("*.txt"))
    path.with_name(f"{path.name}.gz").write_bytes(
        gzip.compress(path.read_bytes())
    )
    assert len(ui_prmd.find_files(episode)) == 1  # both: the plain one counts
    path.unlink()
    compressed, _ = read_only_file(episode)
    np.testing.assert_array_equal(plain.angles, compressed.angles)


ROW = ",".join(["1.0"] * 117) + "\n"
LOST = "lost for more than 25 frames"
NOISE = np.random.default_rng(0).bytes(4000)
DAMAGED = gzip.compress(ROW.encode() * 60)[:-8] + b"\0" * 8
RAGGED, WORD = ROW * 5 + "1,2\n" + ROW, ROW + ROW.replace("1.0", "x", 1)
BAD_FILES = {  # content, rule and words; .gz where the name says so
    "empty": (b"", "empty", "is empty"),
    "blank": (b"\n \n", "empty", "is empty"),
    "one frame": (ROW, "too_few_frames", "has 1 frame(s)"),
    "half a second": (ROW * 30, "too_few_frames", "has 30 frame(s)"),
    "few columns": ("1,2,3\n" * 60, "wrong_columns", "has 3 columns"),
    "ragged": (RAGGED, "not_numbers", "line 6 has 2 values"),
    "text": (WORD, "not_numbers", "line 2 holds 'x'"),
    "1_0": (ROW.replace("1.0", "1_0", 1) * 60, "not_numbers", "holds '1_0'"),
    "header": ("x,y\n" + ROW * 60, "not_numbers", "line 1 holds 'x'"),
    "decimal comma": ("1,5\t2,5\n" * 60, "not_numbers", "line 1 holds"),
    "overflow": (ROW.replace("1.0", "1e300", 1) * 60, "out_of_range", "1e+300"),
    "bomb.gz": (gzip.compress(bytes(2**26 + 1), 1), "too_large", "more than"),
    "binary": (bytes(range(128, 256)) * 9, "not_text", "not a text file"),
    "cut-off .gz": (gzip.compress(NOISE)[:2000], "bad_gzip", "before the end"),
    "no .gz": (ROW * 60, "bad_gzip", "no sound gzip"),
    "damaged .gz": (DAMAGED, "bad_gzip", "no sound gzip"),
    "all lost": (ROW.replace("1.0", "0") * 60, "long_gap", LOST),
    "all NaN": (ROW.replace("1.0", "nan") * 60, "long_gap", LOST),
    "one spot": (ROW * 60, "undefined_angle", "one spot"),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_bad_files_are_refused_in_one_line(case, tmp_path):
    data, rule, text = BAD_FILES[case]
    ending = ".gz" if case.endswith(".gz") else ""
    path = tmp_path / CORRECT / f"m05_s01_e01_positions.txt{ending}"
    path.parent.mkdir(parents=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(BadFileError) as caught:
        read_only_file(tmp_path)
    assert caught.value.rule == rule
    assert text in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


KINDS = ("Notepad", "Excel", "tabs", "spaces", "comments")


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_were_saved_again_read_alike(episode, kind):
    plain, _ = read_only_file(episode)
    path = next(episode.rglob("*.txt"))
    text = "\n \n" + path.read_text().replace("\n", "\r\n\r\n")
    if kind in ("tabs", "spaces"):
        text = text.replace(",", "\t" if kind == "tabs" else "  ")
    if kind == "comments":
        text = "# Vicon, mm\n" + text.replace("\r", " # seen\r", 1)
    path.write_bytes(text.encode("utf-16" if kind == "Excel" else "utf-8-sig"))
    again, findings = read_only_file(episode)
    assert [f.rule for f in findings] == ["release"]
    np.testing.assert_array_equal(plain.joints, again.joints)


def test_doubled_folders_are_read_and_noted(tmp_path):
    outer, _, inner = CORRECT.partition("/")
    places = (f"{outer}/{outer}/{inner}", f"{INCORRECT.lower()}/positions")
    for place in places:
        write(tmp_path / place / "m05_s02_e01_POSITIONS.TXT", markers(200))
    files = ui_prmd.find_files(tmp_path)
    assert [file.info["label"] for file in files] == ["correct", "incorrect"]
    (finding,) = files[0].findings
    assert finding.rule == "doubled_folder"
    assert all(place in finding.detail for place in places)
    # The same episode twice, in a folder and in the one of its name.
    place = tmp_path / INCORRECT.lower()
    write(place / "m05_s02_e01_positions.txt", markers(200))
    _, first, second = ui_prmd.find_files(tmp_path)
    assert (first.refusal, second.refusal[0]) == (None, "duplicate")
    assert first.relative in second.refusal[1]


def test_folders_of_the_user_are_not_named(tmp_path):
    base = tmp_path / "mine" / "mine"
    write(base / CORRECT / "m05_s02_e01_positions.txt", markers(200))
    (file,) = ui_prmd.find_files(base)
    assert not file.findings


@pytest.mark.parametrize("parent", ["", "vicon", "ui_prmd"])
def test_files_are_found_below_the_root_or_a_named_folder(tmp_path, parent):
    base = tmp_path / parent
    write(base / CORRECT / "m05_s02_e01_positions.txt.gz", markers(200))
    write(base / INCORRECT / "m05_s01_e03_positions_inc.txt", markers(200))
    (base / CORRECT / "readme.txt").write_text("not an episode")
    assert ui_prmd.detect_layout(tmp_path) == "vicon"
    files = ui_prmd.find_files(tmp_path)
    assert [f.name for f in files] == [
        "m05_s02_e01_correct",
        "m05_s01_e03_incorrect",
    ]
    assert all(f.root == base for f in files)


def test_odd_names_are_noted_or_refused(tmp_path):
    folder = tmp_path / INCORRECT
    write(folder / "m05_s01_e01_positions.txt", markers(200))
    write(folder / "m05_s01_e01_positions_inc.txt", markers(200))
    write(folder / "m12_s01_e01_positions_inc.txt", markers(200))
    files = ui_prmd.find_files(tmp_path)
    assert [f.refusal and f.refusal[0] for f in files] == [
        None,
        "duplicate",
        "unknown_exercise",
    ]
    assert files[0].info["label"] == "incorrect"
    assert files[0].findings[0].rule == "name_against_folder"


@pytest.mark.parametrize("content", [None, "file", "empty", "other", "bare"])
def test_folders_without_episodes_get_one_line(tmp_path, content):
    root = tmp_path / "raw"
    if content == "file":
        root.write_text("x")
    elif content == "other":
        (root / "randomised C").mkdir(parents=True)
        (root / "randomised C" / "C1_N.mat").write_bytes(b"x")
    elif content == "bare":
        (root / CORRECT).mkdir(parents=True)
    elif content == "empty":
        root.mkdir()
    with pytest.raises(KerasPainError) as caught:
        ui_prmd.find_files(root)
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def real(open_data):
    root = open_data / "ui_prmd"
    if not root.is_dir():
        pytest.skip(f"no UI-PRMD files at {root}")
    # A third of the release is enough, with the episodes known to be bad.
    files = [
        file
        for number, file in enumerate(ui_prmd.find_files(root))
        if number % 3 == 0 or "m10_s05" in file.name
    ]
    return list(read_corpus("ui_prmd", root, on_bad_file="skip", files=files))


def test_real_one_frame_episode_is_refused_and_the_rest_goes_on(real):
    refused = {
        report.name: report.findings[0].rule
        for recording, report in real
        if recording is None
    }
    assert refused["m10_s05_e09_incorrect"] == "too_few_frames"
    # Beside it, one episode whose pelvis the cameras lost.
    assert len(refused) <= 2


def test_real_people_stand_with_straight_knees_and_sit_with_bent_ones(real):
    seated, standing = [], []
    for recording, _ in real:
        if recording is not None and recording.label == "correct":
            knees = recording.angles[:, KNEES].mean(axis=1)
            if recording.exercise == "m05":
                seated.append(knees.min())
            standing.append(knees.max())
    assert 70 < np.median(seated) < 100
    assert 165 < np.median(standing) < 180


def test_real_arms_rise_in_shoulder_scaption(real):
    right = ANGLE_NAMES.index("right_lateral_bend")
    arms = [
        recording.angles[:, right]
        for recording, _ in real
        if recording is not None
        and (recording.exercise, recording.label) == ("m10", "correct")
    ]
    # Medians: some episodes were cut while the arm was still up.
    assert 15 < np.median([arm.min() for arm in arms]) < 45
    assert 80 < np.median([arm.max() for arm in arms]) < 120


def test_real_bones_keep_their_length(real):
    pairs = [
        (JOINTS_26.index(a), JOINTS_26.index(b))
        for a, b in (
            ("left_upper_leg", "left_lower_leg"),
            ("left_lower_leg", "left_ankle"),
            ("right_upper_arm", "right_lower_arm"),
            ("left_lower_arm", "left_wrist"),
        )
    ]
    spread = []
    for recording, _ in real:
        if recording is not None:
            for a, b in pairs:
                bone = recording.joints[:, a] - recording.joints[:, b]
                length = np.linalg.norm(bone, axis=-1)
                assert 15 < np.median(length) < 60
                spread.append(length.std() / length.mean())
    # Skin moves over bone, and markers are on skin.
    assert np.median(spread) < 0.03
    assert max(spread) < 0.15


def test_the_files_at_hand_are_those_of_the_release(open_data):
    files = ui_prmd.find_files(open_data / "ui_prmd")
    _, findings = ui_prmd.read_file(files[0])
    [release] = [f for f in findings if f.rule == "release"]
    assert release.action == "checked"
