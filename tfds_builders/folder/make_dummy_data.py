"""Writes `dummy_data/`: signals of two people, as a user's own folder.

    python tfds_builders/folder/make_dummy_data.py

Every number is invented: an elbow bends, and its muscle works.
"""

import pathlib

import numpy as np

from tfds_builders.dummy_data import csv_of, run, write_files

RATE, SAMPLES = 100, 120
TABLES = {
    "dataset_description.json": '{"Name": "Made up", "Kind": "signals"}\n',
    "participants.tsv": """participant_id\tgroup
P1\thealthy
P2\tpatient
""",
    "recordings.tsv": """file\tparticipant_id\tstart\tend\tpain\tvas
data/P1_1.csv\tP1\tn/a\tn/a\tno\t0
data/P1_2.csv\tP1\tn/a\tn/a\tyes\t4.5
data/P2.csv.gz\tP2\t0\t0.6\tno\tn/a
data/P2.csv.gz\tP2\t0.6\tn/a\tyes\t7
""",
    "channels.tsv": f"""name\ttype\tunits\tsampling_frequency\tpart
biceps\tEMG\tmV\t{RATE}\tarm
elbow\tJNTANG\tdeg\t{RATE}\tarm
""",
    "data/P1_2_labels.tsv": "time\tguarding\n0\t0\n0.5\t1\n1\t0\n",
}


def signals(seed: int) -> np.ndarray:
    """`(T, 2)`: EMG and angle of an elbow that bends once."""
    bend = np.sin(np.pi * np.linspace(0, 1, SAMPLES)) ** 2
    noise = np.random.default_rng(seed).normal(0, 0.1, SAMPLES)
    return np.stack([noise * (0.2 + bend), 170 - 90 * bend], axis=1)


def main(out: pathlib.Path) -> None:
    """Writes the tables and three files; one of them has a short gap."""
    texts = [csv_of("biceps,elbow", signals(seed), 3) for seed in range(3)]
    lines = texts[1].split("\n")
    lines[40] = lines[40].partition(",")[0] + ","
    texts[1] = "\n".join(lines)
    places = ("data/P1_1.csv", "data/P1_2.csv", "data/P2.csv.gz")
    write_files(out, TABLES | dict(zip(places, texts, strict=True)))


if __name__ == "__main__":
    run(__file__, main)
