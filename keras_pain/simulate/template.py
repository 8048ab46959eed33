"""An example of a user's own folder, every file explained: `template`.

What is in it is made up, and says so; a user replaces it file by file.
"""

import json
import os
import pathlib
import re

import numpy as np
from numpy.random import default_rng

from keras_pain.corpora.folder import layout as facts
from keras_pain.corpora.media import write_mp4
from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.io import write_file
from keras_pain.signals.landmarks import csv_text
from keras_pain.simulate import folder, pemf
from keras_pain.simulate.face import draw_frames

_PEOPLE = 8
_RATE, _SECONDS = 400.0, 8.0  # of signals
_FRAMES, _FRAME_RATE, _SIZE = 24, 12.0, (128, 128)  # of faces
_CHANNELS = """name\ttype\tunits\tsampling_frequency\tpart
emg_left\tEMG\tmV\t400\tleft_arm
emg_right\tEMG\tmV\t400\tright_arm
elbow_left\tJNTANG\tdeg\t400\tleft_arm
elbow_right\tJNTANG\tdeg\t400\tright_arm
"""


def write_template(kind: str, out: str | os.PathLike) -> list[pathlib.Path]:
    """Writes an example folder of `kind`; returns the recordings' files.

    Eight made-up people, four recordings each. Raises ConfigurationError at
    another kind, or where the folder holds something already.
    """
    check_choice("kind", kind, facts.KINDS)
    root = pathlib.Path(out)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConfigurationError(f"{root}: is there already; give a new folder")
    people = [f"P{number:02d}" for number in range(1, _PEOPLE + 1)]
    rows, files = ["file\tparticipant_id\tstart\tend\tpain\tvas"], []
    note = folder.PREAMBLE + "template"
    folder.make_folder(root, [root / "data" / "x"], note)
    for number, person in enumerate(people):
        for take in range(4):
            pain = take % 2
            rng = default_rng([number, take])
            vas = round(float(pain * rng.uniform(3, 9)), 1)
            ending = "mp4" if kind == "faces" else "csv"
            place = f"data/{person}_{take + 1}.{ending}"
            word = ("no", "yes")[pain]
            rows.append(f"{place}\t{person}\tn/a\tn/a\t{word}\t{vas:g}")
            _WRITE[kind](root / place, number, take, pain, rng)
            files.append(root / place)
    about = {"Name": root.name, "Kind": kind, "BIDSVersion": "1.10.0"}
    about["License"] = "CC0"
    if kind == "landmarks":
        about["SamplingFrequency"] = _FRAME_RATE
    listed = ["participant_id\tgroup\tage"]
    ages = default_rng(0).integers(25, 70, _PEOPLE).tolist()
    for number, (person, age) in enumerate(zip(people, ages, strict=True)):
        listed.append(f"{person}\t{('healthy', 'patient')[number % 2]}\t{age}")
    texts = {facts.DESCRIPTION: json.dumps(about, indent=1)}
    texts |= {facts.PARTICIPANTS: "\n".join(listed)}
    texts |= {facts.RECORDINGS: "\n".join(rows)}
    if kind == "signals":
        texts[facts.CHANNELS] = _CHANNELS
    texts["README.md"] = _readme(root.name, kind)
    for name, text in texts.items():
        write_file(root / name, (text.strip() + "\n").encode(), folder.CURE)
    return files


def _readme(name, kind):
    """What `template.md` says of all folders, and of this kind."""
    text = pathlib.Path(__file__).with_suffix(".md").read_text("utf-8")
    start, *parts = re.split(r"<!-- (\w+) -->\n", text)
    of = dict(zip(parts[::2], parts[1::2], strict=True))
    tables = "description participants recordings channels".split()
    tables = {table: getattr(facts, table.upper()) for table in tables}
    return (start + of[kind] + of["all"]).format(name=name, kind=kind, **tables)


def _signals(path, number, take, pain, rng):
    """Bending both elbows; with pain slower, less far, and with more EMG."""
    person = default_rng([number, 99])
    time = np.arange(round(_RATE * _SECONDS)) / _RATE
    pace = person.uniform(0.4, 0.6) * (1 - 0.3 * pain)
    phase = 2 * np.pi * pace * time + rng.uniform(0, 2 * np.pi)
    bend = (1 - np.cos(phase)) / 2
    reach = person.uniform(70, 110, 2) * (1 - 0.25 * pain)
    angles = 170 - reach * bend[:, None] + rng.normal(0, 0.5, (len(time), 2))
    effort = (0.05 + 0.3 * bend) * (1 + 0.8 * pain * rng.uniform(0.6, 1.2))
    gain = person.uniform(0.5, 1.5, 2)
    emg = rng.normal(0, 1, (len(time), 2)) * effort[:, None] * gain
    table = np.concatenate([emg.round(4), angles.round(2)], axis=1)
    lines = [[line.split("\t")[0] for line in _CHANNELS.splitlines()[1:]]]
    lines += [[f"{v:g}" for v in row] for row in table.tolist()]
    text = "".join(",".join(line) + "\n" for line in lines)
    write_file(path, text.encode(), folder.CURE)
    seconds = np.arange(0, _SECONDS, 0.5)
    guarding = pain * (bend[(seconds * _RATE).astype(int)] > 0.6)
    rows = [f"{s:g}\t{g:g}" for s, g in zip(seconds, guarding, strict=True)]
    text = "\n".join(["time\tguarding", *rows, ""])
    write_file(facts.labels_file(path), text.encode(), folder.CURE)


def _drawn(number, take, pain):
    """Pictures and points of a simulated face, at rest or in pain."""
    kind = 2 * pain  # of PEMF: neutral, or the posed pain
    motion = pemf.motion_of(1000 + number + 37 * take, kind, _FRAMES)
    seeds = range(100 * take, 100 * take + _FRAMES)
    return zip(*draw_frames(1000 + number, _SIZE, motion, seeds), strict=True)


def _landmarks(path, number, take, pain, rng):
    _, points = _drawn(number, take, pain)
    write_file(path, csv_text(np.stack(points)).encode(), folder.CURE)


def _faces(path, number, take, pain, rng):
    pictures, _ = _drawn(number, take, pain)
    write_mp4(path, pictures, _FRAME_RATE)


_WRITE = {"signals": _signals, "landmarks": _landmarks, "faces": _faces}
