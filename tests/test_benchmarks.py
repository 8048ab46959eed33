"""The harness that measures speed: statistics, refusals, two rows for real."""

import csv
import re
import sys

import numpy as np
import pytest
from fake_recordings import make_people
from scripts import load_script

from keras_pain.data.windows import cut_windows
from keras_pain.errors import KerasPainError

run = load_script("run", "benchmarks")
rows = sys.modules["rows"]
references = sys.modules["references"]


def seconds(ratios):
    """Rounds in which the reference takes so many times as long as ours."""
    ours = np.ones((len(ratios), 2))
    return np.stack([ours * np.reshape(ratios, (-1, 1)), ours], axis=1)


SIDES = (50, 75, 100, 150)  # of faces, in pixels


def test_list_names_every_row_and_its_target(capsys):
    run.main(["--list"])
    said = capsys.readouterr().out.splitlines()
    targets = dict(
        re.match(r"(\w+): .*; target (\S+) x$", line).groups()
        for line in said
        if "target" in line
    )
    assert targets == {
        "banet_training": "6.5",
        "banet_inference": "4.5",
        "lsfan_training": "1.35",
        "lsfan_inference": "1.2",
        **dict.fromkeys(["faces", *(f"faces_{n}" for n in SIDES)], "8"),
    }
    names = {line.split(":")[0] for line in said}
    assert {"ceilings", "growth", "fold", "xla_bi_lstm", "c3d_training"} < names
    assert "xla_alanet_parts_autoencoder" in names
    for name, row in rows.all_rows().items():
        if row.target:
            result = run.summary(seconds([3.0, 3.0, 3.1]))
            assert f"{row.target:g} x" in run.cells(name, row, result)


def test_medians_and_spread_are_of_the_rounds():
    result = run.summary(seconds([1.8, 2.0, 2.1, 2.0, 9.0]))
    assert result.ratio == (2.0, 2.0) and result.seconds == (2.0, 1.0)
    assert result.spread == pytest.approx(0.05)
    # Ours does four times the work in half the time.
    assert run.summary(seconds([2.0] * 3), (1, 4)).ratio == (8.0, 8.0)
    drifting = seconds([2.0, 2.0, 2.0])
    drifting[:, :, 1] *= np.reshape([1, 2, 3], (3, 1))
    drifting[0, 0, 1] *= 2
    assert run.summary(drifting).spread > 0.15  # of processor time alone


def test_a_spread_above_15_percent_is_not_quoted():
    row = rows.Row("ours", "theirs", None, 3.0)
    good = run.cells("x", row, run.summary(seconds([4.0, 4.0, 4.2])))
    assert "4.00 x" in good and "2 %" in good and "3 x" in good
    bad = run.cells("x", row, run.summary(seconds([3.0, 4.0, 6.0])))
    assert bad.count("not quoted (spread 38 %)") == 2
    assert not [cell for cell in bad if "4.00" in cell]
    text = run.document("command", {"Ratios": [run.HEAD, bad]})
    assert "not quoted (spread 38 %)" in text and "4.00" not in text
    share = row._replace(share=True)
    assert "400 %" in run.cells("x", share, run.summary(seconds([4.0] * 3)))


def test_line_fit():
    assert run.line_fit([1, 4, 16], [3, 9, 33]) == pytest.approx((2, 1, 1))
    x, y = [1, 4, 16], [3, 33, 20]
    correlation = np.corrcoef(x, y)[0, 1]
    assert run.line_fit(x, y)[2] == pytest.approx(correlation**2)


def test_two_rows_and_the_document(tmp_path, capsys):
    chosen = "feed_alanet_autoencoder,l3d_inference"
    run.main(["--quick", "--rows", chosen, "--out", str(tmp_path)])
    said = capsys.readouterr().out
    [path] = tmp_path.iterdir()
    name = r"\d{4}-\d\d-\d\d-([0-9a-f]{8}|unknown)(-dirty)?\.md"
    assert re.fullmatch(name, path.name)
    text = path.read_text()
    assert "tensorflow" in text and " core" in text and chosen in text
    assert text.splitlines()[0].endswith("TINY: no result")
    for name in chosen.split(","):
        assert f"`{name}`" in said
        [line] = [x for x in text.splitlines() if f"`{name}`" in x]
        _, _, _, ratio, _, spread, _, load, _ = line.split("|")
        if spread != " 15 % ":  # which may be a little more
            assert ("not quoted" in ratio) == (int(spread.split()[0]) > 15)
        assert re.fullmatch(r" \d+\.\d to \d+\.\d ", load)
    assert "GFLOP of 2 samples" in text and "a dense conv3d" in text


def test_rows_that_cannot_be_measured_say_why(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    run.main(["--quick", "--rows", "faces,lsfan_inference"])
    said = capsys.readouterr().out
    assert "not measured: no videos" in said
    assert "not measured: no PyTorch" in said and "1.2 x" in said
    with pytest.raises(KerasPainError, match="bannet: no such row"):
        run.main(["--rows", "bannet"])


def test_gains_of_xla_are_written_where_they_can_be_quoted(
    tmp_path, monkeypatch
):
    path = tmp_path / "compile.csv"
    path.write_bytes(run.COMPILE.read_bytes())
    monkeypatch.setattr(run, "COMPILE", path)
    with path.open() as stream:
        before = list(csv.DictReader(stream))
    new = run.summary(seconds([2.0, 2.0, 2.1]))._replace(first=7.25)
    bad = run.summary(seconds([1.0, 2.0, 3.0]))
    run.write_compile({"xla_banet": new, "xla_lsfan": bad})
    with path.open() as stream:
        after = list(csv.DictReader(stream))
    changed = [row for row in after if row not in before]
    assert len(after) == len(before)
    assert [row["network"] for row in changed] == ["banet"]
    assert changed[0]["gain"] == "2.0" and changed[0]["step_ms"] == "2000.0"


def test_a_fold_with_nothing_kept_predicts_the_same(tmp_path):
    read = []

    def load():
        read.append(1)
        return make_people("PC", 3, (60, 80, 60))

    settings = {"cut": "sliding_windows", "length": 60, "step": 30}
    # The network that is traced soonest.
    sides = rows.fold(load, settings, "cnn_tap", tmp_path)
    plain, first = (rows.timed(call, 1) for call in sides[:2])
    sides.check()
    assert len(read) == 2  # once for the runner, once a plain fold
    # The second fold finds a traced network; a plain one is traced anew.
    second = rows.timed(sides.ours, 1)
    assert second[1] < min(plain[1], first[1])
    with pytest.raises(RuntimeError, match="other results"):
        rows.equal([np.zeros(3)], [np.ones(3)])


def test_a_list_of_windows_is_the_windows():
    people = make_people("PC", 2, (70, 431, 90))
    people[0]["protective"][100] = -1  # unknown: such windows are left out
    found = cut_windows(people, {"cut": "sliding_windows"})
    x, y = references.list_of_windows(people)
    np.testing.assert_array_equal(x, found.x)
    np.testing.assert_array_equal(y, found.y)
    assert 0 < y.sum() < len(y)
