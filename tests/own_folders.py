"""Small folders of recordings for tests: tables, and made-up files."""

import numpy as np

RATE = 100.0
CHANNELS = (
    ("emg", "ENVELOPE", "arm"),
    ("elbow", "JNTANG", "arm"),
    ("trunk", "JNTANG", ""),
)
LABELS = ("no", "yes")


def write_tsv(path, header, rows):
    lines = ["\t".join(map(str, row)) for row in (header, *rows)]
    path.write_text("\n".join(lines) + "\n")


def signals_of(number, take, count=300):
    """A sine whose size depends on the take's label, and noise."""
    rng = np.random.default_rng([number, take])
    time = np.arange(count) / RATE
    size = (1 + take % 2) * np.sin(2 * np.pi * time)[:, None]
    return size * [1.0, 30.0, 10.0] + rng.normal(0, 0.1, (count, 3))


def write_csv(path, values, names=tuple(name for name, *_ in CHANNELS)):
    lines = [",".join(f"{v:.4f}" for v in row) for row in values.tolist()]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")


def write_signals(root, people=4, takes=2, other=0):
    """A sound folder of signals; returns the rows of `recordings.tsv`.

    `other` makes other signals of the same people.
    """
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(people):
        for take in range(takes):
            name = f"P{number}_{take}.csv"
            write_csv(root / name, signals_of(number + other, take))
            label = take % 2
            vas = label * 4 + number / 2
            rows.append((name, f"P{number}", LABELS[label], vas))
    write_recordings(root, rows)
    groups = [(f"P{n}", ("a", "b")[n % 2], 30 + n) for n in range(people)]
    write_tsv(
        root / "participants.tsv", ("participant_id", "group", "age"), groups
    )
    write_tsv(
        root / "channels.tsv",
        ("name", "type", "units", "sampling_frequency", "part"),
        [(name, kind, "x", RATE, part) for name, kind, part in CHANNELS],
    )
    return rows


def write_recordings(root, rows):
    write_tsv(
        root / "recordings.tsv", ("file", "participant_id", "pain", "vas"), rows
    )
