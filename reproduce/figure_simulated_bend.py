"""A simulated bend, healthy and protective: does it look like a bend?

    python reproduce/figure_simulated_bend.py --out docs

Draws two strips of skeletons from the simulated full release: the first bend of
a healthy person, and a patient's bend with the most protective frames. A few
seconds; needs no data.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags

from keras_pain.corpora import emopain
from keras_pain.corpora.emopain.layout import ACTIVITIES
from keras_pain.data.windows import activity_segments
from keras_pain.errors import exit_code, expanded
from keras_pain.explain.figures import plot_recording_strip
from keras_pain.reproduction.flags import parse_flags
from keras_pain.simulate import simulate

_OUT = flags.DEFINE_string("out", "results/figures", "Folder of the figures.")
_PICTURES = 9


def bends(recording):
    """Half-open spans of the bends of a recording, ordered by time."""
    starts, stops, types = activity_segments(recording.activity)
    chosen = types == ACTIVITIES.index("bend")
    return list(zip(starts[chosen], stops[chosen], strict=True))


def main():
    out = Path(expanded(_OUT.value))
    out.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        simulate("emopain", folder, layout="fame", progress=False)
        for raw_file in emopain.find_files(folder, "fame"):
            recording, _ = emopain.read_file(raw_file)
            for begin, end in bends(recording):
                share = recording.protective[begin:end].mean()
                found.append((share, recording, begin, end))
    healthy = next(f for f in found if f[1].group == "healthy")
    protective = max(found, key=lambda f: f[0])
    for name, (share, recording, begin, end) in (
        ("healthy", healthy),
        ("protective", protective),
    ):
        frames = np.linspace(begin, end - 1, _PICTURES).astype(int)
        path = plot_recording_strip(
            recording.joints,
            frames,
            f"{recording.name} ({recording.group}): a bend of "
            f"{(end - begin) / 60:.1f} s, {share:.0%} of it protective",
            out / f"bend_{name}.png",
            simulated=True,
        )
        print(path)


if __name__ == "__main__":
    app.run(
        lambda _: sys.exit(exit_code(main, "error")), flags_parser=parse_flags
    )
