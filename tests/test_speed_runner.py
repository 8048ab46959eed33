"""The script that times the runner against a plain loop, on two folds."""

from fake_recordings import make_people
from rich.console import Console
from scripts import load_script

NETWORK = "cnn_tap"  # traced soonest


def test_both_ways_are_timed_and_agree():
    speed_runner = load_script("speed_runner", "benchmarks")
    assert {"lsfan", "banet", NETWORK} <= set(speed_runner.networks())
    assert "alanet" not in speed_runner.networks()
    read = []

    def load():
        read.append(1)
        return make_people("PC", 3, (60, 80, 60))

    settings = {"cut": "sliding_windows", "length": 60, "step": 30}
    plain, kept = speed_runner.measure(load, settings, 2, 1, NETWORK)
    assert len(plain) == len(kept) == 2
    assert all(lap.clock > 0 and lap.processor > 0 for lap in plain + kept)
    # Once for the runner, once before the clock starts, once a plain fold.
    assert len(read) == 4
    # The second fold finds a traced network; a plain one is traced anew.
    assert kept[1].processor < plain[1].processor

    console = Console(width=100, record=True)
    console.print(speed_runner.table_of(plain, kept, "two folds"))
    text = console.export_text()
    ratio = plain[1].processor / kept[1].processor
    assert f"{ratio:.2f}" in text
    assert text.count("without the first") == 2
