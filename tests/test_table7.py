"""Table 7: the counters behind it, the paper's ten numbers, its files."""

import os
import subprocess
import sys

import keras
import pytest
from conftest import ROOT
from keras import layers
from scripts import load_script, rows_of

from keras_pain.layers import ImprovedSE
from keras_pain.models.flops import count_work
from keras_pain.reports.complexity import measure, percent
from keras_pain.reports.table import read_published

script = load_script("table7_complexity")
# The paper's table 4.
PAPER = {
    "resnet18_lstm": (15.03, 58.79),
    "resnet18_gru": (14.86, 58.79),
    "c3d": (77.98, 617.84),
    "l3d": (1.07, 10.62),
    "l3d_full": (3.04, 12.96),
}


def test_work_by_hand():
    inputs = keras.Input((4, 6, 6, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv3D(5, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.MaxPooling3D(2)(x)
    x = ImprovedSE(ratio=2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(7, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(1, use_bias=False)(x))
    maps, pooled = 4 * 6 * 6 * 5, 2 * 3 * 3 * 5
    assert count_work(model) == {
        "multiply_adds": maps * 81 + 2 * 2 * 5 * 2 + pooled * 7 + 7,
        "bias": maps + 7,
        "normalisation": maps,
        "activation": maps + 7,
        "pooling": maps,
        "attention": 3 * pooled,
    }
    # A model inside a model counts as its layers do.
    outer = keras.Input((4, 6, 6, 3))
    assert count_work(keras.Model(outer, model(outer))) == count_work(model)


def test_percent():
    assert percent(1.0698, 1.07) == "-0.02 %"
    assert percent(1.07, 1.07) == "+0.00 %"
    assert percent(1.0699999, 1.07) == "+0.00 %"
    assert percent(3, None) == ""


def test_published_numbers():
    table = read_published(ROOT / "reproduce" / "published" / "l3d_table4.csv")
    for method, numbers in PAPER.items():
        metrics = ("parameters_m", "flops_g")
        found = [table.get(method, "complexity", m).value for m in metrics]
        assert tuple(found) == numbers
    assert len(table.values) == 10
    # What its text says of them.
    assert PAPER["c3d"][1] / PAPER["l3d_full"][1] == pytest.approx(47, abs=1)
    assert PAPER["c3d"][0] / PAPER["l3d_full"][0] > 25


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table7")
    some = [n for n in script.OTHERS if n.method in ("banet", "lsfan")]
    # The whole registry is there, each model once.
    compared = {network.method for network in script.COMPARED}
    others = [network.method for network in script.OTHERS]
    assert compared | set(others) == set(script.MODELS)
    assert len(others) == len(set(others)) and not compared & set(others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["table7.py", f"--results_dir={folder}"])
        script.write(folder, some)
    return folder


def test_nine_of_ten_numbers_are_met(table):
    rows = rows_of(table / "table.csv")
    closest = {
        (row["method"], row["quantity"], row["rule"]): row
        for row in rows
        if row["method"] in PAPER and "widths Y" not in row["network"]
    }
    best = {}
    for (method, quantity, _), row in closest.items():
        off = abs(float(row["difference_percent"]))
        best[method, quantity] = min(off, best.get((method, quantity), 1e9))
        number = PAPER[method][quantity == "flops_g"]
        assert float(row["paper"]) == number
        assert float(row["difference"]) == pytest.approx(
            float(row["ours"]) - number, abs=1e-5
        )
    missed = best.pop(("l3d_full", "flops_g"))
    assert len(best) == 9 and max(best.values()) < 0.8
    # 12.96 G is not met by any rule; that the table says so is its point.
    assert missed > 15


def test_files(table):
    text = (table / "table.md").read_text()
    assert {p.suffix for p in table.iterdir()} == {
        *(".md", ".tex", ".csv", ".json")
    }
    for words in (
        "12.96 G is not met, and not forced",
        "0.1 to 0.3 G",
        "does not identify its networks",
        "units are mixed",
        "widths X",
        "widths Y",
        "| banet, 180x30 ",
        "0.002131",
        "Operations counted: (a) 1 per multiply-add; (b) 2 per",
    ):
        assert words in text, words
    # Every row of the first grid names its rule.
    grid = text.split("## ")[1]
    rows = [line for line in grid.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 7
    assert all(line.rstrip(" |")[-3:-2] == "(" for line in rows)
    assert r"\begin{tabular}" in (table / "table.tex").read_text()
    assert str(table) not in (table / "table.json").read_text()


def test_the_smoke_run_prints_the_table_and_nothing_else(tmp_path):
    quiet = {k: v for k, v in os.environ.items() if "TF_CPP" not in k}
    done = subprocess.run(
        [sys.executable, script.__file__, "--smoke", "--results_dir=out"],
        cwd=tmp_path,
        env={**quiet, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (tmp_path / "out" / "table.md").read_text()
    assert "12.96" in done.stdout and "alanet" not in done.stdout


def test_rule_of_l3d_by_hand():
    """2 a multiply-add, and 4 an element that a convolution writes."""
    (l3d,) = (n for n in script.COMPARED if "L3D, widths X" in n.label)
    found = measure(l3d)
    sizes = (32, 224), (32, 112), (16, 56), (8, 28), (4, 14)
    widths = (6, 16, 2 * 32, 2 * 64, 2 * 96)
    written = sum(
        frames * side**2 * width
        for (frames, side), width in zip(sizes, widths, strict=True)
    )
    head = 512 + 512 + 1  # biases of both layers, the ReLU between them
    assert l3d.rule.operations(found.work) == (
        2 * found.work["multiply_adds"] + 4 * written + head
    )
