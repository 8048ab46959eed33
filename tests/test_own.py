"""A user's own folder: tables, readers, rules, tasks, and `evaluate`."""

import csv
import gzip
import json
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.io
from own_folders import (
    CHANNELS,
    RATE,
    signals_of,
    write_csv,
    write_recordings,
    write_signals,
    write_tsv,
)
from sklearn.tree import DecisionTreeClassifier

import keras_pain
from keras_pain.corpora import folder, manifest
from keras_pain.corpora.base import read_corpus
from keras_pain.corpora.folder import layout
from keras_pain.data.windows import by_parts, signal_windows
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.experiments import method_registry
from keras_pain.experiments.methods import FitReport
from keras_pain.experiments.metrics import compute_ordinal
from keras_pain.reproduction import own
from keras_pain.reproduction.flags import Options, OwnOptions
from keras_pain.signals import biosignals
from keras_pain.simulate.template import write_template

NAMES = [name for name, *_ in CHANNELS]


@pytest.fixture(name="root")
def sound_folder(tmp_path):
    write_signals(tmp_path / "mine")
    return tmp_path / "mine"


def read_all(root, on_bad_file="skip"):
    return list(read_corpus("folder", root, on_bad_file=on_bad_file))


def rules_of(root):
    return {
        finding.rule: finding
        for _, report in read_all(root)
        for finding in report.findings
    }


# --- Tables ---


def test_a_sound_folder_is_read_as_it_is(root):
    recordings = read_all(root, "fail")
    assert [r.name for r, _ in recordings[:3]] == ["P0_0", "P0_1", "P1_0"]
    recording = recordings[3][0]
    assert (recording.subject_id, recording.group) == ("P1", "b")
    assert recording.labels == {"pain": 1.0, "vas": 4.5}
    np.testing.assert_allclose(recording.signals, signals_of(1, 1), atol=1e-4)


def broken(root, name, text):
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: (r / "recordings.tsv").unlink(), "no recordings.tsv here"),
        (
            lambda r: broken(r, "participants.tsv", "participant_id\n"),
            "lists no participants",
        ),
        (
            lambda r: broken(r, "participants.tsv", "name\nP0\n"),
            "has no column participant_id",
        ),
        (
            lambda r: broken(
                r,
                "participants.tsv",
                "participant_id\tgroup\nP0\ta\nP0\tb\n",
            ),
            "P0 is in the group 'b' and in 'a'",
        ),
        (
            lambda r: write_recordings(
                r, [("P0_0.csv", "P0", 1, 1), ("P0_1.csv", "p0 ", 1, 1)]
            ),
            "differ in case",
        ),
        (
            lambda r: write_recordings(r, [("P0_0.csv", "P9", 1, 1)]),
            "P9 of recordings.tsv is not in participants.tsv",
        ),
        (
            lambda r: write_recordings(r, [("../x.csv", "P0", 1, 1)]),
            "no path below the folder",
        ),
        (
            lambda r: write_recordings(r, [("P0_0.csv", "P0", 1, 1)] * 2),
            "lists P0_0 twice",
        ),
        (
            lambda r: broken(
                r,
                "channels.tsv",
                "name\ttype\tunits\tsampling_frequency\n"
                "a\tEMG\tmV\t100\nb\tEMG\tmV\t200\n",
            ),
            "b has 200 Hz, a 100",
        ),
        (
            lambda r: broken(
                r,
                "channels.tsv",
                "name\ttype\tunits\tsampling_frequency\na\tXYZ\tmV\t100\n",
            ),
            "type 'XYZ' is none of",
        ),
        (
            lambda r: broken(r, "dataset_description.json", "[1]"),
            "is no JSON object",
        ),
        (
            lambda r: broken(
                r, "dataset_description.json", '{"Kind": "smells"}'
            ),
            "Kind is 'smells'",
        ),
    ],
)
def test_tables_that_cannot_be_used_get_one_line(root, change, words):
    change(root)
    with pytest.raises(KerasPainError, match=words) as caught:
        layout.read_tables(root)
    assert "\n" not in str(caught.value)


def test_files_that_are_missing_or_not_listed(root):
    (root / "P0_0.csv").unlink()
    write_csv(root / "extra.csv", signals_of(0, 0))
    rules = rules_of(root)
    assert rules["missing_file"].action == "refused"
    assert "extra.csv" in rules["not_listed"].detail
    with pytest.raises(BadFileError, match="P0_0.csv: is in recordings.tsv"):
        read_all(root, "fail")


def test_one_recording_is_not_of_two_people(root):
    """A fold would train on what it tests."""
    (root / "P1_0.csv").write_bytes((root / "P0_0.csv").read_bytes())
    (root / "P2_1.csv").write_bytes((root / "P2_0.csv").read_bytes())
    found = {r.path: r.findings for _, r in read_all(root)}
    for name, other in (("P0_0", "P1_0"), ("P1_0", "P0_0")):
        (finding,) = found[f"{name}.csv"]
        assert (finding.rule, finding.action) == ("same_content", "refused")
        assert f"content of {other}, which is of P" in finding.detail
    noted = [f for f in found["P2_1.csv"] if f.rule == "same_content"]
    assert [f.action for f in noted] == ["noted"]
    with pytest.raises(BadFileError, match="a recording is of one person"):
        read_all(root, "fail")
    # What nobody can mend is left out.
    kept = folder.files_of(layout.read_tables(root), released=True)
    assert {"P0_0", "P1_0"}.isdisjoint(file.name for file in kept)
    about = {f.rule: f.detail for f in kept[0].findings}["shared_content"]
    assert about.startswith("2 recordings have") and "P0_0, P1_0" in about
    # A manifest from before says what is the matter.
    manifest.write_manifest(root, [p for p in root.iterdir()])
    with pytest.raises(KerasPainError, match="in the manifest but not read"):
        manifest.verify_manifest(root, folder.find_files(root))
    (root / manifest.MANIFEST).unlink()
    # Two people who were recorded one after the other are in one file.
    rows = "file\tparticipant_id\tstart\tend\tpain\n"
    rows += "P0_0.csv\tP0\t0\t2\t0\nP0_0.csv\tP1\t{}\t4\t1\n"
    (root / "recordings.tsv").write_text(rows.format(2))
    assert "same_content" not in rules_of(root)
    (root / "recordings.tsv").write_text(rows.format(1))
    with pytest.raises(KerasPainError, match="content of P0_0@1-4, which is"):
        read_all(root)
    (root / "recordings.tsv").write_text(rows.format(1).replace("P1", "P0"))
    assert "same_content" not in rules_of(root)  # of one person


def test_the_identity_looks_at_no_label_and_no_further_column(root):
    before = layout.read_tables(root).identity()
    rows = [
        (f"P{n}_{t}.csv", f"P{n}", "no", 9) for n in range(4) for t in (0, 1)
    ]
    write_recordings(root, rows)
    people = [(f"P{n}", ("a", "b")[n % 2], "left") for n in range(4)]
    header = ("participant_id", "group", "hand")
    write_tsv(root / "participants.tsv", header, people)
    assert layout.read_tables(root).identity() == before
    write_recordings(root, rows[1:])
    assert layout.read_tables(root).identity() != before


# --- Files ---


def as_npz(path, values):
    np.savez(path, **dict(zip(NAMES, values.T, strict=True)))


def as_matrix(path, values):
    np.savez(path, data=values)


def as_mat(path, values):
    scipy.io.savemat(path, {"x": values})


def as_vectors_of_mat(path, values):
    named = dict(zip(NAMES, values.T, strict=True))
    scipy.io.savemat(path, named | {"rate": RATE, "also": values})


def as_parquet(path, values):
    pd.DataFrame(values, columns=NAMES).to_parquet(path)


def as_gz(path, values):
    write_csv(path.with_suffix(""), values)
    text = path.with_suffix("").read_bytes()
    path.with_suffix("").unlink()
    path.write_bytes(gzip.compress(text))


def as_tsv_in_another_order(path, values):
    frame = pd.DataFrame(values, columns=NAMES)[NAMES[::-1]]
    frame.insert(1, "note", 1)
    frame.to_csv(path, sep="\t", index=False)


def without_header(path, values):
    pd.DataFrame(values).to_csv(path, header=False, index=False)


def with_decimal_commas(path, values):
    frame = pd.DataFrame(values, columns=NAMES)
    frame.to_csv(path, sep=";", decimal=",", index=False)


def with_times(path, values):
    frame = pd.DataFrame(values, columns=NAMES)
    frame.insert(0, "time", np.arange(len(values)) / RATE)
    frame.to_csv(path, index=False)


def with_clock_times(path, values):
    frame = pd.DataFrame(values, columns=NAMES)
    step = pd.Timedelta(seconds=1 / RATE)
    frame["Time"] = pd.Timestamp("2026-11-28 23:59:59") + step * frame.index
    frame.to_csv(path, index=False)


def with_times_of_day(path, values):
    frame = pd.DataFrame(values, columns=NAMES)
    step = pd.Timedelta(seconds=1 / RATE)
    moments = pd.Timestamp("2026-11-28 11:00:00") + step * frame.index
    frame.insert(0, "time", moments.strftime("%H:%M:%S.%f"))
    frame.to_csv(path, index=False, sep=";")


FORMS = {
    "x.npz": (as_npz, as_matrix),
    "x.mat": (as_mat, as_vectors_of_mat),
    "x.parquet": (as_parquet,),
    "x.csv.gz": (as_gz,),
    "x.tsv": (as_tsv_in_another_order,),
    "x.csv": (
        *(without_header, with_decimal_commas, with_times),
        *(with_clock_times, with_times_of_day),
    ),
}


@pytest.mark.parametrize(
    ("name", "write"), [(n, w) for n, of in FORMS.items() for w in of]
)
def test_every_form_of_a_file_gives_the_same_numbers(root, name, write):
    values = signals_of(7, 1)
    write(root / name, values)
    write_recordings(root, [(name, "P0", "yes", 1)])
    [(recording, _)] = read_all(root, "fail")
    np.testing.assert_allclose(recording.signals, values, atol=1e-3)


def missing_channel(path):
    write_csv(path, signals_of(0, 0), ("emg", "elbow", "hip"))


def with_a_gap(path):
    values = signals_of(0, 0)
    values[50:150, 1] = np.nan
    write_csv(path, values)


def two_rates(path):
    frame = pd.DataFrame(signals_of(0, 0), columns=NAMES)
    time = np.arange(len(frame)) / RATE
    time[150:] = time[150] + 2 * (time[150:] - time[150])
    frame.insert(0, "time", time)
    frame.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("write", "rule", "words"),
    [
        (missing_channel, "channels", "no channel 'trunk'"),
        (with_a_gap, "long_gap", "elbow is missing in 100 rows"),
        (two_rates, "two_rates", "no even steps"),
        (
            lambda p: p.write_text(
                ",".join(NAMES) + "\n1,2,3\n1,2,3,4\n1,2,3\n"
            ),
            "ragged",
            "row 3 has 4 cells, row 1 3",
        ),
        (
            lambda p: p.write_text(",".join(NAMES) + "\n1,2,3\n1,2\n1,2,3\n"),
            "ragged",
            "row 3 has 2 cells",
        ),
        (
            lambda p: p.write_text(
                " ".join(NAMES) + "\n1 2 3\n1 2 3 4\n1 2 3\n"
            ),
            "ragged",
            "row 3 has 4 cells",
        ),
        (lambda p: p.write_text(""), "empty", "is empty"),
        (lambda p: p.write_text(",".join(NAMES) + "\n"), "too_few_frames", ""),
        (
            lambda p: p.write_text(",".join(NAMES) + "\na,b,c\n"),
            "not_numbers",
            "could not convert string to float",
        ),
        (lambda p: p.write_bytes(b"\xff\x00\x13" * 50), "not_text", ""),
        (lambda p: write_csv(p, signals_of(0, 0) * 1e15), "out_of_range", ""),
    ],
)
def test_a_bad_file_is_refused_by_a_named_rule(root, write, rule, words):
    write(root / "P0_0.csv")
    [finding] = [
        f for f in read_all(root)[0][1].findings if f.action == "refused"
    ]
    assert finding.rule == rule
    assert words in finding.detail


def clock(form="%H:%M:%S.%f", begin="2026-11-28 11:00:00", step=0.01):
    steps = pd.to_timedelta(step * np.arange(300), unit="s")
    moments = (pd.Timestamp(begin) + steps).round("ms")
    return moments.strftime(form).tolist()


def changed(texts, row, text):
    return [*texts[:row], text, *texts[row + 1 :]]


NUMBERS = [f"{n / 100:.2f}" for n in range(300)]


@pytest.mark.parametrize(
    ("name", "cells", "rate", "words"),
    [
        ("time", [f'"{text}"' for text in NUMBERS], 100, ""),
        ("timestamp", clock("%d.%m.%Y %H:%M:%S.%f"), 100, ""),
        ("time", [t + "+01:00" for t in clock("%FT%T.%f")], 100, ""),
        ("t", clock(begin="2026-11-28 23:59:59"), 100, ""),
        ("t", clock("%I:%M:%S.%f %p", "2026-11-28 23:59:59"), 100, ""),
        (
            "time",
            changed(clock("%F %T.%f"), 100, "2026-11-28 11:00:01"),
            100,
            "",
        ),
        ("time", changed(clock(), 7, ""), 100, ""),
        ("time", changed(NUMBERS, 0, "n/a"), 100, ""),
        # Milliseconds, rounded.
        ("time", [f"{n / 64:.3f}" for n in range(300)], 64, ""),
        ("time_ms", [f"{n / 2.048:.0f}" for n in range(300)], 2048, ""),
        ("time", clock("%M:%S.%f"), 100, "row 1 of its column time is '00:00"),
        ("time", changed(clock(), 299, "11:0"), 100, "row 300 of its column"),
        ("time", changed(clock(), 0, "0.5"), 100, "row 1 of its column time"),
        ("time", clock(step=10), 100, "time has 10 s a row"),
        (
            "seconds",
            [f"{10 * n}" for n in range(300)],
            100,
            "has 10 s a row",
        ),
        ("time", clock("%H:%M:%S"), 100, ""),  # many of one time
        ("time", clock("%d.%m.%Y %T.%f", "2026-02-09 23:59:59"), 100, ""),
        ("time", [f'"{t}"' for t in clock()], 100, ""),
        ("T", ["36.6"] * 300, 100, "left out"),  # a temperature
        ("time", [""] * 300, 100, "left out"),
        ("time", [f"{n}" for n in range(300)], 100, ""),  # numbers of rows
        ("time", changed(NUMBERS, 100, "0.5"), 100, "after row 100;"),
        (
            "time",
            NUMBERS[:150] + [f"{n / 100 + 0.2:.2f}" for n in range(150, 300)],
            100,
            "after row 150 come 0.21 s",
        ),
        ("time", ["5"] * 300, 100, "goes back, or stands still"),
        (
            "time",
            clock()[:150] + clock(begin="2026-11-28 11:00:05")[150:],
            100,
            "after row 150 come 5.01 s; resample it to one rate, cut it there",
        ),
    ],
)
def test_columns_of_times_fit_the_rate(root, name, cells, rate, words):
    lines = [",".join(f"{v:.4f}" for v in row) for row in signals_of(0, 0)]
    table = zip([name, *cells], [",".join(NAMES), *lines], strict=True)
    (root / "P0_0.csv").write_text("\n".join(map(",".join, table)) + "\n")
    text = (root / "channels.tsv").read_text()
    (root / "channels.tsv").write_text(text.replace("100.0", str(rate)))
    [file] = [f for f in folder.find_files(root) if f.name == "P0_0"]
    if words not in ("", "left out"):
        with pytest.raises(BadFileError, match=words):
            folder.read_file(file)
        return
    recording, found = folder.read_file(file)
    rules = {finding.rule for finding in found}
    assert ("time_column" in rules) == (words == "")
    values = signals_of(0, 0)
    np.testing.assert_allclose(recording.signals, values, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "save"), [("x.npz", np.savez), ("x.mat", scipy.io.savemat)]
)
def test_vectors_of_channels_are_looked_at(root, name, save):
    """Their names, their lengths, and a vector of times beside them."""
    values = signals_of(7, 1)
    of = {n: v[:, None] for n, v in zip(NAMES, values.T, strict=True)}
    write_recordings(root, [(name, "P0", "yes", 1)])
    time = np.arange(len(values))[:, None] / RATE
    for more, words in (
        ({"time": time}, ""),
        ({"time": 2 * time}, "time has 0.02 s a row"),
        ({"trunk": values[:-5, :1]}, "trunk is 295 x 1, emg has 300 samples"),
        ({"also": time, "t": time[-1:]}, ""),
        ({"time": time[1:]}, "time has 299 times, the signals 300 rows"),
    ):
        given = of | more
        if name.endswith("npz"):
            save(root / name, **given)
        else:
            save(root / name, given)
        if words:
            with pytest.raises(KerasPainError, match=words):
                read_all(root, "fail")
        else:
            [(recording, _)] = read_all(root, "fail")
            np.testing.assert_allclose(recording.signals, values, atol=1e-3)
    del of["trunk"]
    save(root / name, **of) if "npz" in name else save(root / name, of)
    with pytest.raises(KerasPainError, match="no channel 'trunk'"):
        read_all(root, "fail")


@pytest.mark.parametrize("kind", ["moments", "texts", "lengths"])
def test_clocks_in_parquet(root, kind):
    frame = pd.DataFrame(signals_of(0, 0), columns=NAMES)
    moments = pd.to_datetime(clock("%F %T.%f"))
    frame["time"] = {
        "moments": moments,
        "texts": moments.astype(str),
        "lengths": moments - moments[0],
    }[kind]
    frame.to_parquet(root / "x.parquet")
    write_recordings(root, [("x.parquet", "P0", "yes", 1)])
    [(recording, report)] = read_all(root, "fail")
    [found] = [f for f in report.findings if f.rule == "time_column"]
    assert "0.01 s a row" in found.detail
    assert len(recording) == 300


def test_copies_are_found_whatever_they_are_packed_in(root):
    text = (root / "P0_0.csv").read_bytes()
    (root / "P1_0.csv").unlink()
    (root / "P1_0.csv.gz").write_bytes(gzip.compress(text))
    assert rules_of(root)["same_content"].action == "refused"
    (root / "P0_0.csv").write_text("")
    (root / "P1_0.csv.gz").write_bytes(gzip.compress(b""))
    assert "same_content" not in rules_of(root)


def test_parts_of_a_file_are_recordings(root):
    header = ("file", "participant_id", "start", "end", "pain")
    rows = [
        ("P0_0.csv", "P0", 0, 1.5, "no"),
        ("P0_0.csv", "P0", 1.5, "", "yes"),
    ]
    write_tsv(root / "recordings.tsv", header, rows)
    first, second = (recording for recording, _ in read_all(root, "fail"))
    whole = signals_of(0, 0)
    np.testing.assert_allclose(first.signals, whole[:150], atol=1e-4)
    np.testing.assert_allclose(second.signals, whole[150:], atol=1e-4)
    write_tsv(root / "recordings.tsv", header, [("P0_0.csv", "P0", 2, 9, "no")])
    [(_, report)] = list(folder_reports(root))
    assert report.findings[-1].rule == "beyond_end"


def folder_reports(root):
    for file in folder.find_files(root):
        with pytest.raises(BadFileError) as caught:
            folder.read_file(file)
        from keras_pain.corpora.base import FileReport

        yield None, FileReport.of(file, None, [file.refused(caught.value)])


@pytest.mark.parametrize(("count", "words"), [(67, "67"), (478, "478")])
def test_other_numbers_of_landmarks_are_refused(tmp_path, count, words):
    write_landmarks(tmp_path, count)
    [(_, report)] = folder_reports(tmp_path)
    assert f"{words} points instead of 68" in report.findings[-1].detail


def test_a_mesh_of_468_points_gives_the_68(tmp_path):
    from keras_pain.signals.landmarks import MESH_TO_68

    points = write_landmarks(tmp_path, 468)
    [(recording, _)] = read_all(tmp_path, "fail")
    np.testing.assert_allclose(recording.landmarks, points[:, MESH_TO_68])


def write_landmarks(root, count):
    points = np.arange(3 * count * 2).reshape(3, count, 2) % 400
    rows = [",".join(f'"({x}, {y})"' for x, y in frame) for frame in points]
    (root / "a.csv").write_text("\n".join(rows) + "\n")
    write_tsv(root / "participants.tsv", ("participant_id",), [("P0",)])
    header = ("file", "participant_id", "pain")
    write_tsv(root / "recordings.tsv", header, [("a.csv", "P0", 1)])
    return points


# --- Signals ---


def test_the_envelope_follows_the_size_of_emg():
    rng, rate = np.random.default_rng(0), 1000.0
    size = np.repeat([0.2, 1.0], 3000)[:, None]
    passed = biosignals.band_passed(rng.normal(0, size) + 5.0, rate)
    assert abs(passed.mean()) < 0.01  # the offset is gone
    found = biosignals.envelope(passed, rate)
    assert found.min() >= 0
    low, high = found[500:2500].mean(), found[3500:5500].mean()
    assert high / low == pytest.approx(5.0, rel=0.1)
    with pytest.raises(ConfigurationError, match="call channels .* ENVELOPE"):
        biosignals.band_passed(passed, 60.0)


def test_resampling_keeps_slow_signals_and_removes_fast_ones():
    time = np.arange(4000) / 1000
    slow = np.sin(2 * np.pi * 2 * time)
    both = np.stack([slow, slow + np.sin(2 * np.pi * 90 * time)], axis=1)
    found = biosignals.resampled(both, 1000.0, 60.0)
    wanted = np.sin(2 * np.pi * 2 * np.arange(len(found)) / 60)
    np.testing.assert_allclose(found[10:-10, 0], wanted[10:-10], atol=0.02)
    np.testing.assert_allclose(found[10:-10, 1], wanted[10:-10], atol=0.05)


def test_sums_of_emg_add_up_to_those_of_the_raw_signal():
    emg = np.random.default_rng(0).normal(size=(1000, 2))
    sums = biosignals.emg_sums(emg, 1000.0, 50.0)
    assert sums.shape == (50, 2, 4)
    np.testing.assert_allclose(sums[..., 0].mean(0), np.abs(emg).mean(0), 1e-5)
    np.testing.assert_allclose(sums[..., 1].mean(0), (emg**2).mean(0), 1e-5)
    steps = np.abs(np.diff(emg, axis=0)).sum(0)
    np.testing.assert_allclose(sums[..., 2].sum(0), steps, 1e-5)
    turns = (np.signbit(emg[1:]) != np.signbit(emg[:-1])).sum(0)
    np.testing.assert_allclose(sums[..., 3].sum(0), turns)


def recording_of(count, label, channels=3):
    return {
        "recording": f"r{count}",
        "subject_id": "P",
        "signals": np.arange(count * channels, dtype=np.float32).reshape(
            count, channels
        ),
        "sums": np.ones((count, 1, 4), np.float32),
        "label": label,
    }


CUT = {"length": 10, "step": 5, "class_names": ("no", "yes")}
COLUMNS = [("emg", "EMG", "arm"), ("elbow", "JNTANG", "arm"), ("x", "MISC", "")]


def test_windows_are_padded_if_half_full_and_labelled_by_most_frames():
    label = np.zeros(28)
    label[:6] = 1
    label[12:] = np.nan
    label[21:] = 1
    windows = signal_windows([recording_of(28, label)], channels=COLUMNS, **CUT)
    # 0-10: six of ten yes; 5-15: 7 known, one yes; 10-20: unknown;
    # 15-25: 4 known; 20-28: 7 of 8 known, yes.
    assert windows.start.tolist() == [0, 5, 20]
    assert windows.y.tolist() == [1, 0, 1]
    assert windows.length.tolist() == [10, 10, 8]
    assert not windows.x[2, 8:].any()


def test_intensities_of_windows_are_means():
    label = np.arange(20.0)
    cut = CUT | {"class_names": ()}
    windows = signal_windows([recording_of(20, label)], channels=COLUMNS, **cut)
    np.testing.assert_allclose(windows.y, [4.5, 9.5, 14.5])
    assert windows.num_classes == 0


def test_statistics_go_by_type_not_by_position():
    windows = signal_windows(
        [recording_of(10, np.zeros(10))], channels=COLUMNS, **CUT
    )
    x = windows.x[0]
    others = [np.ptp(x[:, 1]), np.ptp(x[:, 2]), x[:, 2].mean(), x[:, 2].std()]
    np.testing.assert_allclose(windows.statistics[0], [1, 1, 1, 1, *others])


def test_body_parts_come_from_the_table():
    windows = signal_windows(
        [recording_of(10, np.zeros(10))], channels=COLUMNS, **CUT
    )
    fitted, body = by_parts(windows)
    assert body == (2, 2)
    x = fitted.x
    # First channels of both parts, then second ones; the lone one has zeros.
    np.testing.assert_array_equal(x[..., [0, 1, 2]], windows.x[..., [0, 2, 1]])
    assert not x[..., 3].any()
    assert fitted.channel_names == ("emg", "x", "elbow", "no channel")
    again, _ = by_parts(fitted)
    np.testing.assert_array_equal(again.x, x)


# --- Labels and tasks ---


def label_of(*values, classes=()):
    return layout.Label(
        "pain", {f"r{i}": v for i, v in enumerate(values)}, classes
    )


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        ((0, 1, 1, np.nan), "class", ("0", "1")),
        ((0.5, 1, 2), "intensity", ()),
        (tuple(range(12)), "intensity", ()),
    ],
)
def test_the_task_is_told_by_the_label(values, task, names):
    target = own.target_of(label_of(*values), None)
    assert (target.task, target.classes) == (task, names)


def test_classes_of_another_corpus_go_by_name():
    target = own.target_of(label_of(5.0, 3.0), "class", ("1", "3", "5"))
    assert list(target.of.values()) == [2, 1]
    with pytest.raises(ConfigurationError, match="has '4', which"):
        own.target_of(label_of(4.0, 3.0), "class", ("1", "3"))


@pytest.mark.parametrize(
    ("label", "task", "words"),
    [
        (label_of(1.0, 1.0), None, "is 1 in all recordings"),
        (label_of(np.nan), None, "is missing in all"),
        (label_of(0.0, 1.0, classes=("a", "b")), "ordinal", "has words"),
        (label_of(*range(60)), "class", "too many for classes"),
    ],
)
def test_labels_that_cannot_be_predicted(label, task, words):
    with pytest.raises(ConfigurationError, match=words):
        own.target_of(label, task)


def test_labels_of_frames_are_those_of_the_nearest_row(root):
    table = root / "P0_0_labels.tsv"
    write_tsv(table, ("time", "guard"), [(0, 0), (1, 1), (2, "n/a")])
    label = layout.read_label(layout.read_tables(root), "guard")
    values = label.frames("P0_0", 30, 10.0)
    assert values[:5].tolist() == [0] * 5
    assert values[6:15].tolist() == [1] * 9
    assert np.isnan(values[16:]).all()
    # Behind the last row, nothing is known for longer than a step.
    write_tsv(table, ("time", "guard"), [(0, 0), (1, 1)])
    label = layout.read_label(layout.read_tables(root), "guard")
    values = label.frames("P0_0", 30, 10.0)
    assert values[20] == 1 and np.isnan(values[21:]).all()
    with pytest.raises(ConfigurationError, match="of frames guard"):
        layout.read_label(layout.read_tables(root), "nothing")


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (("guard",), [(0,), (1,)], "has 2 rows, the recording 300 frames"),
        (("time", "guard"), [(0, 0), (2000, 1)], "times reach 2000 s"),
    ],
)
def test_rows_that_do_not_fit_a_recording(root, tmp_path, header, rows, words):
    write_tsv(root / "P0_0_labels.tsv", header, rows)
    with pytest.raises(BadFileError, match=words):
        evaluate(root, tmp_path, label="guard", methods=["knn"])


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("0,5", "1,5"), "has decimal commas"),
        (("No", "no", "yes"), "has 'No' and 'no'"),
    ],
)
def test_labels_that_are_written_oddly(root, cells, words):
    rows = [(f"P{i}_0.csv", f"P{i}", c, 1) for i, c in enumerate(cells)]
    write_recordings(root, rows)
    with pytest.raises(BadFileError, match=words):
        layout.read_label(layout.read_tables(root), "pain")


def test_missing_labels_of_r_and_others_are_missing(root):
    cells = ("NA", "n.a.", "yes", "no")
    rows = [(f"P{i}_0.csv", f"P{i}", c, 1) for i, c in enumerate(cells)]
    write_recordings(root, [*rows, ("", "", "", "")])
    label = layout.read_label(layout.read_tables(root), "pain")
    assert label.classes == ("no", "yes")
    assert np.isnan([label.of["P0_0"], label.of["P1_0"]]).all()


def test_words_and_numbers_do_not_mix(root):
    write_recordings(
        root, [("P0_0.csv", "P0", "no", 1), ("P1_0.csv", "P1", 3, 1)]
    )
    # A column of notes is no reason to refuse the others.
    assert read_all(root, "fail")[0][0].labels == {"vas": 1.0}
    with pytest.raises(BadFileError, match="has words .* and numbers"):
        layout.read_label(layout.read_tables(root), "pain")


def test_ordinal_metrics_equal_hand_made_ones():
    y, guess = np.array([0, 1, 2, 2]), np.array([0, 2, 2, 1])
    found = compute_ordinal(y, np.eye(3)[guess])
    from sklearn.metrics import cohen_kappa_score

    kappa = cohen_kappa_score(y, guess, weights="quadratic")
    assert found["weighted_kappa"] == pytest.approx(kappa)
    assert found["class_mae"] == 0.5
    same = compute_ordinal(np.zeros(3, int), np.eye(2)[[0, 0, 0]])
    assert same["weighted_kappa"] is None


# --- Which methods fit ---


def test_methods_that_do_not_fit_say_why(root):
    found = own.fitting_methods("folder", root)
    assert set(found) == {"pain", "vas"}
    assert not found["pain"]["lsfan"]
    assert not found["vas"]["train_mean"]
    assert "majority" not in found["vas"]
    names = ("name", "type", "units", "sampling_frequency")
    rows = [(name, "JNTANG", "deg", RATE) for name in NAMES]
    write_tsv(root / "channels.tsv", names, rows)
    why = own.fitting_methods("folder", root)["pain"]["dual_stream_lstm"]
    assert "needs sEMG beside movement" in why
    short = OwnOptions(label="pain", window_seconds=0.1)
    with pytest.raises(ConfigurationError, match="'lsfan' cannot be used"):
        own.own_experiment(root, short, methods=["lsfan"]).check_method("lsfan")


# --- evaluate ---


class Loudest:
    """An own method: the window with most in its first channel."""

    name = "loudest"

    def fit(self, train, validation, seed):
        self.level = np.median(np.abs(train.x[..., 1]).max(axis=1))
        return FitReport()

    def predict_proba(self, windows):
        high = np.abs(windows.x[..., 1]).max(axis=1) > self.level
        return np.stack([~high, high], axis=1).astype(float)


def evaluate(root, tmp_path, **options):
    given = {
        "label": "pain",
        "window_seconds": 1.0,
        "results_dir": str(tmp_path / "results"),
        "data_dir": str(tmp_path / "data"),
        "epochs": 1,
    }
    return keras_pain.evaluate(root, **(given | options))


def test_evaluate_takes_names_classes_and_instances(root, tmp_path, capsys):
    methods = {
        "tree": DecisionTreeClassifier(max_depth=2),
        "Loudest": Loudest,
        "Loudest too": Loudest(),
        "knn": "knn",
    }
    people = [(f"P{n}", "ab"[n % 2], "fm"[n // 2], 38 + n) for n in range(4)]
    names = ("participant_id", "group", "sex", "age")
    write_tsv(root / "participants.tsv", names, people)
    results = evaluate(root, tmp_path, methods=methods)
    page = results.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "keras_pain.evaluate(...)" in page and "popover" in page
    table = results.table()
    assert list(table.index) == [
        *("Majority class", "Stratified random", "tree", "Loudest"),
        *("Loudest too", "KNN"),
    ]
    assert table.loc["tree", "Accuracy"] > 0.9
    pairs = results.compare()
    assert len(pairs) == 15
    assert set(pairs.people) == {4}
    assert results.paths[0].name == "table.md"
    by_group = (tmp_path / "results" / "calibration.csv").read_text()
    found = {
        (row["Method"], row["Of"])
        for row in csv.DictReader(by_group.splitlines())
    }
    assert {("KNN", of) for of in ("all people", "group a", "sex f")} <= found
    assert ("KNN", "age 20 to 39") in found and "few people" in by_group
    assert not results.simulated
    evaluate(root, tmp_path, methods=methods, jobs=2)
    assert "24 of 24 folds are finished and kept" in capsys.readouterr().err


def test_given_objects_are_told_apart_by_what_they_hold():
    other = Loudest()
    other.level = 2
    alike, same, changed = (
        method_registry.OwnMethod(method_registry.GivenMethod(given)).config()
        for given in (Loudest, Loudest(), other)
    )
    assert alike == same != changed
    assert {"source_sha256", "attributes"} <= alike.keys()


def test_networks_learn_classes_orders_and_intensities(root, tmp_path):
    folds = {"folds": "0:1", "window_seconds": 0.5}
    found = evaluate(root, tmp_path, methods=["banet"], **folds)
    assert "Macro-F1" in found.paths[0].read_text()
    more = {"results_dir": str(tmp_path / "more"), "label": "vas"}
    methods = ["lsfan", "alanet_parts"]
    found = evaluate(root, tmp_path, methods=methods, **folds, **more)
    assert found.run.experiment.targets[0].task == "intensity"
    keys = [k for k in found.run.expected if found.run.store.contains(k)]
    fold = found.run.store.read(keys[-1])
    assert fold.config["method"]["name"] == "alanet_parts"
    assert np.isfinite(fold.predictions["y_pred"]).all()
    more = {"results_dir": str(tmp_path / "ordinal")}
    found = evaluate(
        *(root, tmp_path),
        methods=["knn"],
        task="ordinal",
        label="vas",
        **more,
    )
    assert np.isfinite(found.table()["Weighted kappa"]).any()


def test_landmarks_have_intensities(tmp_path, monkeypatch):
    from keras_pain.simulate import template

    monkeypatch.setattr(template, "_PEOPLE", 4)
    monkeypatch.setattr(template, "_FRAMES", 4)
    write_template("landmarks", tmp_path / "t")
    methods = ["stgcn_lstm"]
    given = {"label": "vas", "folds": "0:1", "num_frames": 4, "epochs": 1}
    results = evaluate(tmp_path / "t", tmp_path, methods=methods, **given)
    run = results.run
    keys = [key for key in run.expected if run.store.contains(key)]
    assert {key.method for key in keys} >= {*methods}
    for key in keys:
        assert np.isfinite(run.store.read(key).predictions["y_pred"]).all()


def test_results_of_folders_lie_apart(root):
    made = own.own_experiment(root, OwnOptions(label="vas"), methods=())
    assert made.table.name == "own_mine_vas"


def test_a_table_says_what_was_left_out_and_why(root, tmp_path):
    (root / "P0_0.csv").unlink()
    options = {"methods": ["knn"], "on_bad_file": "skip"}
    results = evaluate(root, tmp_path, **options)
    text = results.paths[0].read_text()
    assert "refused and left out: 1: P0_0.csv (missing_file)." in text


def test_one_folder_is_tested_by_another(root, tmp_path):
    write_signals(tmp_path / "other", people=2, other=9)
    results = evaluate(
        root, tmp_path, methods=["knn"], test_dir=str(tmp_path / "other")
    )
    [key] = {k.fold for k in results.run.expected}
    tested = results.run.store.read(
        next(k for k in results.run.expected if k.method == "knn")
    )
    assert key == "holdout"
    assert set(tested.predictions["subject"]) == {"test:P0", "test:P1"}
    assert "2 have an id that is in both" in results.paths[0].read_text()
    write_csv(tmp_path / "other" / "P1_0.csv", signals_of(2, 1))
    words = "P1_0 has the content of P2_1 of --manual_dir"
    with pytest.raises(ConfigurationError, match=words):
        evaluate(root, tmp_path, test_dir=str(tmp_path / "other"))
    names = ("name", "type", "units", "sampling_frequency")
    write_tsv(
        tmp_path / "other" / "channels.tsv", names, [("a", "POS", "m", 9)]
    )
    with pytest.raises(ConfigurationError, match="the channels of --test_dir"):
        evaluate(root, tmp_path, test_dir=str(tmp_path / "other"))


def test_a_class_that_only_the_tested_have_is_not_predicted(root, tmp_path):
    rows = [
        (
            f"P{n}_{t}.csv",
            f"P{n}",
            "rare" if n == 3 and t else ("no", "yes")[t],
            1,
        )
        for n in range(4)
        for t in (0, 1)
    ]
    write_recordings(root, rows)
    results = evaluate(root, tmp_path, methods=["knn", "random_forest"])
    run = results.run
    for method in ("knn", "random_forest"):
        key = next(
            k for k in run.expected if (k.method, k.fold) == (method, "P3")
        )
        found = run.store.read(key).predictions["probabilities"]
        assert not found[:, run.table.class_names.index("rare")].any()
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert "not predicted: P3 without rare" in results.paths[0].read_text()


def test_what_does_not_fit_is_one_line(root, tmp_path):
    for options, words in (
        ({"label": ""}, "say what is predicted"),
        ({"evaluation": "group_kfold"}, "is not like group_kfold:10"),
        ({"evaluation": "group_kfold:9"}, "9-fold .* found 4"),
        ({"memory_gb": 0.5}, "--memory_gb is 0.5"),
        ({"rate": 0.0}, "--rate must be positive"),
        ({"task": "regression"}, "--task must be one of"),
        (
            {"test_dir": str(root)},
            "P0_0 has the content of P0_0.* leave it out",
        ),
        ({"window_seconds": 60.0}, "at least half full"),
        ({"channels": ["nose"]}, "'nose' is none of emg"),
        ({"nonsense": 1}, "no argument 'nonsense'"),
        ({"reader": "own_folders:nothing"}, "--reader: cannot load"),
    ):
        with pytest.raises(KerasPainError, match=words):
            evaluate(root, tmp_path, **{"methods": ["knn"], **options})
    write_recordings(
        root, [("P0_0.csv", "P0", "no", 1), ("P0_1.csv", "P0", "yes", 2)]
    )
    with pytest.raises(ConfigurationError, match="only one subject"):
        evaluate(root, tmp_path, methods=["knn"])


def reversed_rows(path, row):
    """A reader: what the suite's would read, and the row of the table."""
    assert set(row) == {"participant_id", "pain", "vas"}
    return np.loadtxt(path, delimiter=",", skiprows=1)


def test_a_reader_of_ones_own_reads_any_ending(root, tmp_path):
    for path in root.glob("*.csv"):
        path.rename(path.with_suffix(".lab"))
    rows = [
        (f"P{n}_{t}.lab", f"P{n}", ("no", "yes")[t], 1)
        for n in range(4)
        for t in (0, 1)
    ]
    write_recordings(root, rows)
    reader = f"{__name__}:reversed_rows"
    results = evaluate(root, tmp_path, methods=["knn"], reader=reader)
    assert results.table().loc["KNN", "Accuracy"] > 0.8


def test_an_edited_reader_makes_other_data(root, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "import numpy as np\n\n\ndef read(path, row):\n"
    text += "    return np.loadtxt(path, delimiter=',', skiprows=1)"
    (tmp_path / "my_reader.py").write_text(text)
    (tmp_path / "bad_reader.py").write_text("1 / 0")
    with pytest.raises(KerasPainError, match="--reader: bad.*ZeroDivision"):
        evaluate(root, tmp_path, reader="bad_reader:read")
    given = {"methods": ["knn"], "reader": "my_reader:read"}
    first = evaluate(root, tmp_path, **given).run
    (tmp_path / "my_reader.py").write_text(text + " * 2\n")
    with pytest.raises(KerasPainError, match="configuration"):
        evaluate(root, tmp_path, **given)
    monkeypatch.delitem(sys.modules, "my_reader")
    other = str(tmp_path / "other")
    second = evaluate(root, tmp_path, **given, results_dir=other).run
    assert first.prepared.config != second.prepared.config


def test_pretrained_weights_reach_what_has_them(tmp_path):
    write_template("faces", tmp_path / "t")
    weights = Options(manual_dir="t", backbone_weights="some.weights.h5")
    for level, method in (("frame", "aacsfnet"), ("clip", "convnext_lstm_a")):
        settings = OwnOptions(label="pain", level=level)
        made = own.own_experiment(tmp_path / "t", settings, methods=())
        assert ("backbone" in made.flags) == (level == "clip")
        chosen = made.method_arguments(weights, None)(method)["options"]
        given = getattr(chosen, "backbone_weights", None)
        given = given or chosen.arguments["resnet_weights"]
        assert given == "some.weights.h5"


@pytest.mark.parametrize("kind", ["landmarks", "faces"])
def test_the_templates_of_faces_go_through(tmp_path, monkeypatch, kind):
    from keras_pain.simulate import template

    monkeypatch.setattr(template, "_PEOPLE", 4)
    monkeypatch.setattr(template, "_FRAMES", 6)
    write_template(kind, tmp_path / "t")
    about = json.loads((tmp_path / "t" / layout.DESCRIPTION).read_text())
    assert about["Kind"] == kind
    method = {"landmarks": "lr_displacements", "faces": "pca_svm"}[kind]
    results = evaluate(tmp_path / "t", tmp_path, methods=[method], folds="0:1")
    assert results.simulated
    fits = own.fitting_methods("folder", tmp_path / "t")["pain"]
    assert not fits[method]
    assert "late_fusion" not in fits  # wants landmarks and pictures at once
    assert "SIMULATED" in results.paths[0].name
    with pytest.raises(ConfigurationError, match="is there already"):
        write_template(kind, tmp_path / "t")


# --- Open recordings ---


@pytest.mark.parametrize(
    ("corpus", "place", "count", "label"),
    [
        ("buhmap", "buhmap", 360, "class"),
        ("emg_lower_limb", "emg_lower_limb", 50, "activity"),
        ("faces_london", "", 156, "expression"),
    ],
)
def test_open_recordings_are_known(open_data, corpus, place, count, label):
    from keras_pain.corpora.base import get_corpus

    module = get_corpus(corpus)
    files = module.find_files(open_data / place)
    assert len(files) == count
    assert module.tables(open_data / place).columns == [label]
    recording, found = module.read_file(files[0])
    [release] = [finding for finding in found if finding.rule == "release"]
    assert release.action == "checked"
    assert len(recording) >= 1
