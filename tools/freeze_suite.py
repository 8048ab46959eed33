"""Writes a frozen suite, `suites/NAME.toml`, and its reference, NAME.json.

    python tools/freeze_suite.py --list
    python tools/freeze_suite.py emopain_loso_v1
    python tools/freeze_suite.py ui_prmd_loso_v1 --manual_dir UI_PRMD

A suite on a restricted corpus is written from the script's plan on simulated
files, without people: nobody who has the corpus has frozen them. One on an open
corpus is run in whole, and its first folds again with other settings of the
machine, which gives the tolerance. A suite that is there is not overwritten: a
change is a new version.
"""

import argparse
import datetime
import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEAK_FREE = "--protocol=leak_free"
# Script, its flags, the corpus that is simulated with which layout, and for an
# open one the methods whose results are kept: quick ones, and one network.
SUITES = {
    "emopain_holdout_v1": ("table1_protective", [], "emopain/challenge2020"),
    "emopain_loso_v1": (
        "leaderboard_movement",
        ["--corpus=emopain"],
        "emopain/fame",
    ),
    "emopain_pain_loso_v1": ("table3_pain_level", [], "emopain/challenge2020"),
    "unbc_cv5_v1": ("table5_unbc", [], "unbc_mcmaster"),
    "unbc_frames_loso_v1": ("table10_aacsfnet", [], "unbc_mcmaster"),
    "biovid_cv5_v1": ("table6_biovid", [], "biovid"),
    "pemf_cv5_v1": ("table9_pemf", [], "pemf"),
    "ui_prmd_loso_v1": (
        "open_ui_prmd",
        [
            "--exercises=m05",
            "--methods=knn,svm,rf_frames,stacked_lstm,banet,alanet,"
            "alanet_parts,lsfan",
        ],
        None,
        "knn,svm,rf_frames,lsfan",
    ),
    "buhmap_loso_v1": (
        "open_buhmap",
        ["--seeds=0"],
        None,
        "lr_displacements",
    ),
    "emg_lower_limb_loso_v2": (
        "open_emg",
        ["--seeds=0"],
        None,
        "knn,rf_frames,random_forest",
    ),
}
# What rounding depends on, beside the processor.
SETTINGS = {
    "oneDNN off": ({"TF_ENABLE_ONEDNN_OPTS": "0"}, None),
    "one core": ({}, {0}),
    "one thread of TensorFlow": (
        {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
        None,
    ),
    "--jobs 2": ({}, None),
}


def planned(script, flags):
    """Table, tasks and store of a script's run; trains what it says."""
    from keras_pain.reproduction import run

    found = []
    run.fitting_suite = lambda *given: found.append(given)
    sys.argv = [str(script), *flags]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    return found[-1]


def toml(suite) -> str:
    """TOML of nested dicts; JSON's texts, numbers and lists are TOML's."""
    lines, tables = [], [((), suite)]
    while tables:
        place, table = tables.pop(0)
        if place:
            lines += ["", f"[{'.'.join(place)}]"]
        inner = []
        for name, value in table.items():
            key = name if name.replace("_", "").isalnum() else json.dumps(name)
            if isinstance(value, dict):
                inner.append(((*place, key), value))
            else:
                lines.append(f"{key} = {json.dumps(value)}")
        tables = inner + tables
    return "\n".join(lines) + "\n"


def raw_files(corpus, folder):
    """Simulated raw files, whose layout alone matters."""
    name, _, layout = corpus.partition("/")
    words = ["simulate", name, f"--out={folder}"]
    words += [f"--layout={layout}"] * bool(layout)
    if name in ("unbc_mcmaster", "biovid"):
        words += ["--frames=8"]
    if name == "pemf":
        words += ["--landmarks"]
    subprocess.run(["keras-pain", *words], check=True)
    return Path(folder, layout or name)


def reference_of(name, script, flags, manual_dir, out, few):
    """Summaries of a finished run, with tolerances that are measured here."""
    from keras_pain.experiments.provenance import environment
    from keras_pain.experiments.store import RUN_FILE, ResultStore
    from keras_pain.reproduction import suites

    def folds_of(folder):
        root = next(Path(folder).rglob(RUN_FILE)).parent
        store, found = ResultStore(root), {}
        for key in store.completed():
            found.setdefault(key.method, []).append(store.read(key))
        return found

    def ran(place, *more, **options):
        words = [sys.executable, str(script), *flags, *more]
        words += [f"--manual_dir={manual_dir}", f"--results_dir={place}"]
        options |= {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run(words, **options)
        return folds_of(place)

    whole, methods = ran(out), {}
    for method, folds in whole.items():
        methods[method] = suites.summary(folds)
        # One sample of the person with fewest is always allowed.
        counts = [len(fold.predictions["y_true"]) for fold in folds]
        methods[method]["tolerance"] = {
            "people": 1 / min(counts),
            "pooled": 1 / sum(counts),
        }
        methods[method]["measured"] = {}
    for setting, (variables, cores) in SETTINGS.items():
        place = f"{out}_{setting.replace(' ', '_').strip('-')}"
        more = [f"--folds=0:{few}"] + ["--jobs=2"] * ("jobs" in setting)
        print(f"{name}: {setting}", file=sys.stderr)

        def limit(cores=cores):
            if cores:
                os.sched_setaffinity(0, cores)

        options = {"env": {**os.environ, **variables}, "preexec_fn": limit}
        for method, folds in ran(place, *more, **options).items():
            keys = {fold.key for fold in folds}
            same = [fold for fold in whole[method] if fold.key in keys]
            off = suites.differences(
                suites.summary(same), suites.summary(folds)
            )
            entry = methods[method]
            entry["measured"][setting] = off
            # Twice the most that was seen: other machines round otherwise.
            for part, value in off.items():
                entry["tolerance"][part] = max(
                    entry["tolerance"][part], 2 * value
                )
    path = ROOT / "suites" / f"{name}.toml"
    return {
        "suite": suites._sha256(path.read_bytes()),
        "date": datetime.date.today().isoformat(),
        "settings_measured_on_folds": few,
        "environment": environment(),
        "methods": methods,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(SUITES))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--manual_dir", help="of the open corpus")
    parser.add_argument("--out", help="results folder [a temporary one]")
    parser.add_argument("--few", type=int, default=3, help="folds run again")
    args = parser.parse_args()
    if args.list:
        print(*SUITES, sep="\n")
        return
    for name in args.names:
        path = ROOT / "suites" / f"{name}.toml"
        if path.exists():
            sys.exit(f"{path}: is there; a change is a new version")
        script, flags, corpus, *kept_methods = SUITES[name]
        script = ROOT / "reproduce" / f"{script}.py"
        sys.path.insert(0, str(script.parent))
        with tempfile.TemporaryDirectory() as folder:
            out = args.out or f"{folder}/run"
            given = [LEAK_FREE, *flags, "--collect"]
            given += [f"--results_dir={folder}/planned"]
            if corpus:
                manual_dir = raw_files(corpus, f"{folder}/raw")
                given += [f"--data_dir={folder}/tfds"]
            else:
                manual_dir = Path(args.manual_dir).resolve()
                flags = [*flags, f"--methods={kept_methods[0]}"]
            given += [f"--manual_dir={manual_dir}"]
            from keras_pain.reproduction import suites

            table, tasks, store = planned(script, given)
            wanted = name.split("_v")[0].rsplit("_", 1)[-1]
            evaluations = {task.key.evaluation for task in tasks}
            kept = wanted if wanted in evaluations else min(evaluations)
            tasks = [
                t
                for t in tasks
                if (t.key.evaluation, t.key.protocol) == (kept, "leak_free")
            ]
            found = suites.described(table, tasks)
            note = "# Frozen: a change is a new version."
            if corpus:
                note += (
                    "\n# Of files that nobody has shared: which people are in "
                    "which fold, and\n# which files, is left to who has them; "
                    "tables print a hash of their folds."
                )
                for part in ("people", "folds"):
                    del found[part]
                for part in suites._OF_FILES:
                    found["data"].pop(part, None)
            if "ui_prmd" in name:
                # A folder of other exercises is as good.
                found["data"].pop("fingerprint")
            head = {
                "title": table.title,
                "script": f"reproduce/{script.name}",
                "flags": [LEAK_FREE, *flags],
            }
            path.parent.mkdir(exist_ok=True)
            text = f"{note}\n{toml({**head, **found})}"
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}", file=sys.stderr)
            if not corpus:
                made = reference_of(
                    name, script, [LEAK_FREE, *flags], manual_dir, out, args.few
                )
                text = json.dumps(made, indent=1) + "\n"
                path.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
