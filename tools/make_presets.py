#!/usr/bin/env python3
"""Trains the presets that come with the suite, on open recordings only.

    python tools/make_presets.py --data DATA --out keras_pain/presets

DATA holds `ui_prmd/`, `buhmap/`, `emg_lower_limb/` and `faces_london/`, see
the README's table of open recordings. What is trained already is kept in
`results/presets`. A preset holds the networks of all folds, so that its card's
scores are of people whom a network had not seen; of faces one fold, as each
has megabytes. That one does not come with the suite: it holds people's faces.
"""

import argparse
import pathlib
import subprocess
import sys

import keras_pain
from keras_pain.errors import exit_code

ROOT = pathlib.Path(__file__).resolve().parents[1]
# By name: script, folder of the data, method, results below those of the
# script, further flags, and the fold that is taken (None: all).
PRESETS = {
    "ui_prmd_lsfan": (
        *("open_ui_prmd", "ui_prmd", "lsfan", "open_ui_prmd_all"),
        *(["--exercises=m05,m10", "--protocol=leak_free"], None),
    ),
    "emg_lsfan": ("open_emg", "emg_lower_limb", "lsfan", "", [], None),
    "buhmap_displacements": (
        *("open_buhmap", "buhmap", "lr_displacements", "", [], None),
    ),
    "london_pca_svm": ("open_faces", "", "pca_svm", "", [], "fold0"),
}


def make(data: pathlib.Path, out: pathlib.Path, names: list[str]) -> None:
    """Trains and saves presets by name; those that are there are kept."""
    for name in names:
        if (out / name).exists():
            print(f"{out / name}: is there already and is kept")
            continue
        script, folder, method, below, flags, fold = PRESETS[name]
        results = pathlib.Path("results", "presets", name)
        command = [sys.executable, str(ROOT / "reproduce" / f"{script}.py")]
        command += [f"--manual_dir={data / folder}", f"--methods={method}"]
        command += ["--seeds=0", f"--results_dir={results}", *flags]
        subprocess.run(command, check=True)
        predictor = keras_pain.load(results / below, method=method, fold=fold)
        print(predictor.save_to_preset(out / name))


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    path = {"type": pathlib.Path, "required": True}
    parser.add_argument("--data", **path, help="folder of open recordings")
    parser.add_argument("--out", **path, help="folder of the presets")
    text = f"some of {', '.join(PRESETS)} [all]"
    parser.add_argument("--only", type=lambda t: t.split(","), help=text)
    args = parser.parse_args()
    names = args.only or list(PRESETS)
    if unknown := sorted(set(names) - PRESETS.keys()):
        parser.error(f"--only: there is no preset {unknown[0]}")
    return exit_code(lambda: make(args.data, args.out, names), parser.prog)


if __name__ == "__main__":
    sys.exit(main())
