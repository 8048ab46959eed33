"""Writes the pages of the site that the code itself can tell.

Tables from what the scripts of `reproduce/` declare, the claims of the audit
and the dated files of measurements; models from the registry, drawn as they
are built; flags from their declarations. Sphinx calls `main` before it reads
the pages, see `docs/conf.py`; nothing here needs data or a network.
"""

import ast
import csv
import functools
import math
import pathlib
import re
import runpy
import shutil
import sys
import textwrap
from unittest import mock

from draw import drawn
from keras import tree

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTHING = (
    "Nothing is linked here: see [all measurements](../measured_2026-11.md) "
    "and [disputed choices](../disputes_2026-11.md).\n"
)
NOT_TABLES = ("figure_simulated_bend", "own_data")


def table(head, rows) -> str:
    """A Markdown table; rows may hold numbers, and None for nothing."""
    lines = [head, ["---"] * len(head), *rows]
    texts = [["" if c is None else str(c) for c in line] for line in lines]
    texts = [[c.replace("|", "\\|") for c in line] for line in texts]
    return "".join(f"| {' | '.join(line)} |\n" for line in texts) + "\n"


def bullets(texts) -> str:
    """A list."""
    return "".join(f"- {text}\n" for text in texts) + "\n"


def linked(text: str) -> str:
    """arXiv numbers as links."""
    link = r"[arXiv \1](https://arxiv.org/abs/\1)"
    return re.sub(r"arXiv (\d{4}\.\d{5})(v\d)?", link, text)


def dated() -> dict[str, str]:
    """The files of measurements, by name."""
    paths = sorted((ROOT / "docs").glob("measured_*.md"))
    return {path.name: path.read_text("utf-8") for path in paths}


def write(path: pathlib.Path, text: str) -> None:
    """Writes a page."""
    path.write_text(text, encoding="utf-8")


# --- Tables ---


def scripts() -> dict:
    """By name of a script: its docstring, its experiments, other arguments."""
    found, calls = {}, []

    def record(*experiments, **given):
        calls.append((experiments, given))

    sys.path.append(str(ROOT / "reproduce"))  # one takes another's table over
    run = {"main": record, "main_own": record}
    run = mock.patch.multiple("keras_pain.reproduction", **run)
    with run, mock.patch("absl.flags.DEFINE_list"):
        for path in sorted((ROOT / "reproduce").glob("*.py")):
            if path.stem in NOT_TABLES:
                continue
            source = path.read_text("utf-8")
            calls.clear()
            if "keras_pain.reproduction import" in source:
                runpy.run_path(str(path), run_name="__main__")
            said = calls[0] if calls else ((), {})
            doc = ast.get_docstring(ast.parse(source))
            found[path.stem] = doc, *said
    return found


def measured(*names: str) -> list[str]:
    """Items, paragraphs and tables of the dated files with one of the names."""
    found = []
    for file, text in dated().items():
        text = re.sub(r"(?m)^#.*$", "", text)
        for part in re.split(r"\n(?=- )|\n\n+(?=\S)(?!\|)", text):
            part = textwrap.dedent(re.sub(r"^- ", "  ", part)).strip()
            if any(re.search(rf"{name}\b", part) for name in names):
                found.append(f"{part}\n\n([{file}](../{file}))")
    return found


def claims(audited, text: str) -> str:
    """Rows of the audit on the paper of a table, what cannot hold first."""
    words = r"ALANet|BANet|L3D|L-SFAN|AACSFNet|2501\.06787"
    about = set(re.findall(words, text))
    order = ("cannot hold", "cannot be checked without data", "holds")
    rows = [
        [row[key] for key in ("verdict", "place", "claim", "evidence")]
        for row in sorted(audited, key=lambda row: order.index(row["verdict"]))
        if about & set(re.findall(words, row["paper"]))
    ]
    return table(("verdict", "where", "claim", "recomputed"), rows)


def published(spec) -> str:
    """The numbers of the paper, with the suite's notes."""
    from keras_pain.reports.table import read_published

    found = read_published(spec.published)
    labels = {row.method: row.label for row in spec.rows}
    rows = [
        (labels.get(v.method, v.method), *v[1:])
        for v in found.values
        if v.text or v.note
    ]
    head = ("row", "evaluation", "metric", "class", "paper", "note")
    text = table(head, rows) if rows else "Unknown: not at hand.\n\n"
    return bullets(note for _, note in found.notes) + text


def settings(methods) -> str:
    """Recipes of the networks among these methods, and what is unsaid."""
    from keras_pain.models.registry import MODELS

    names = [name for name in dict.fromkeys(methods) if name in MODELS]
    stages = filter(None, [MODELS[name].autoencoder for name in names])
    rows = []
    for name in dict.fromkeys([*stages, *names]):
        recipe = MODELS[name].recipe
        for field, value in recipe.settings().items():
            source = recipe.sources[field]
            unsaid = "**unsaid**" if source.startswith("unsaid") else ""
            why = re.sub(r"^unsaid\W+", "", source)
            rows.append((f"`{name}`", field, f"`{value}`", unsaid, why))
    return table(("network", "setting", "value", "", "why"), rows)


def protocols(experiment) -> str:
    """What each protocol does, and which known defects it has on."""
    from keras_pain.experiments.defects import resolve_defects

    text = ""
    for protocol in experiment.protocols:
        rows = [
            (f"`{d.name}`", d.says)
            + ("assumed" if d.name in protocol.assumed else d.source,)
            for d in resolve_defects(protocol.defects)
        ]
        number = f"{len(rows)} known defects on" if rows else "no known defect"
        text += f"`{protocol.name}`: {number}.\n\n"
        text += table(("defect", "what happens", "seen in"), rows) * bool(rows)
        text += bullets(protocol.notes)
    return text


def table_page(name, doc, experiments, given, audited) -> str:
    """The page of one script."""
    title, _, rest = doc.partition("\n")
    command = r"(?m)^ *((?:python|keras-pain) (?:.*\\\n)*.*)$"
    commands = re.findall(command, rest) or [f"python reproduce/{name}.py"]
    commands = [re.sub(r"\\+\n\s*", "\\\n    ", c) for c in commands]
    prose = re.sub(r"\n{3,}", "\n\n", re.sub(command, "", rest)).strip()
    text = f"# {title.rstrip('.')}\n\n{linked(prose)}\n\n```\n"
    text += "\n".join(commands) + "\n```\n\n"
    shown = list({e.table.title: e for e in experiments}.values())
    shown = shown[:1] if name == "open_ui_prmd" else shown  # all alike
    methods = [r.method for e in shown for r in e.table.methods]
    about = [(e.table.title, facts_of(e), e.table) for e in shown]
    if "own" in given:
        methods = given["methods"]
        facts = {"Paper": given["paper"], "Data": given["corpus"]}
        facts |= {"Label": given["own"]["label"], "Epochs": given["epochs"]}
        facts |= {"Split": given["own"].get("evaluation", "loso")}
        facts |= {"Rows": ", ".join(methods), "Protocol": "leak_free"}
        facts |= {"Settings fixed on": ", ".join(given["development"])}
        about = [(given["title"], facts, None)]
    for heading, facts, spec in about:
        own = (ROOT / f"docs/corpora/{facts['Data']}.md").exists()
        page = facts["Data"] if own else "open"
        facts["Data"] += f", [who gives it](../corpora/{page}.md)"
        text += f"## {heading}\n\n" + table(("", ""), facts.items())
        text += bullets(spec.notes) if spec else ""
        if spec and spec.published:
            text += "### The paper's numbers\n\n" + published(spec)
    if methods:
        text += "## Settings, and which are unsaid\n\n" + settings(methods)
    if shown:
        text += "## Protocols\n\n" + protocols(shown[0])
    if name.startswith("table"):
        papers = [e.table.paper for e in shown] or ["L3D"]
        papers += [r.label for e in shown for r in e.table.rows]
        text += "## What does not fit in the paper\n\n"
        text += claims(audited, " ".join(papers))
        text += "\nRecomputed by `keras-pain audit` when this page was made.\n"
    number = re.findall(r"^table(\d+)", name)
    found = measured(rf"{name}\.py", *(f"table {n}" for n in number))
    text += "\n## What we measured, and how long it takes\n\n"
    return text + ("\n\n---\n\n".join(found) or NOTHING)


def facts_of(experiment) -> dict:
    """What a table declares, in words."""
    spec = experiment.table
    cut = ", ".join(f"{k}={v}" for k, v in experiment.settings.items())
    return {
        **{"Paper": linked(spec.paper), "Data": experiment.corpus},
        "Layouts": ", ".join(experiment.layouts),
        "Split": ", ".join(spec.evaluations),
        "Samples": f"{spec.samples}: {cut}",
        "Augmentation": experiment.augmentation,
        "Rows": ", ".join(row.label for row in spec.methods),
        "Columns": ", ".join(column.label for column in spec.columns),
    }


# --- Models ---


def open_scores(labels) -> dict[str, dict[str, str]]:
    """By network: its scores on open recordings in the dated files."""
    found: dict[str, dict[str, str]] = {}
    for block in re.findall(r"(?m)(?:^ *\|.*\n)+", "".join(dated().values())):
        lines = [line.strip(" |") for line in block.splitlines()]
        head, _, *rows = ([c.strip() for c in x.split("|")] for x in lines)
        if rows and "m05" in rows[0][0]:  # exercises; the corner is empty
            cells = [
                (label, f"UI-PRMD {row[0][:3]}", number)
                for row in rows
                for label, number in zip(head, row[1:], strict=False)
            ]
        else:
            data = re.findall(r"open_(\w+)\.py", head[0])
            cells = [(row[0], name, row[1]) for name in data for row in rows]
        for label, data, number in cells:
            name = labels.get(label.partition(" (")[0])
            if name and number:
                found.setdefault(name, {})[data] = number.split()[0]
    return found


def models(docs: pathlib.Path, found) -> None:
    """A page of networks for each paper, with figures; the two tables."""
    from keras_pain.models.flops import weightless
    from keras_pain.models.registry import MODELS

    with (ROOT / "models" / "summary.csv").open(encoding="utf-8") as stream:
        rows = {row["model"]: row for row in csv.DictReader(stream)}
    pages, counts, listed = {}, {}, []
    for name, row in rows.items():
        entry = MODELS[name]
        page = entry.builder.__module__.rpartition(".")[2]
        with weightless():
            svg = drawn(entry.build(), f"{name}: {row['call']}")
        write(docs / "models" / f"{name}.svg", svg)
        keys = ("parameters", "published_parameters", "flops")
        of, paper, flops = counts[name] = [
            f"{int(row[key]):,}" if row[key] else "" for key in keys
        ]
        known = (row["paper"], row["task"], row["input_shape"], of, paper)
        link = f"[`{name}`](models/{page}.md#model-{name})"
        listed.append((link, *known, flops))
        text = f"(model-{name})=\n## `{name}`\n\n`{row['call']}`, "
        text += f"{row['task']}: {of} parameters, {flops} FLOPs. "
        text += f"{row['note']}\n\n![The layers of {name}]({name}.svg)\n\n"
        pages.setdefault(page, f"# {page}: {linked(row['paper'])}\n\n")
        pages[page] += text + settings([name])
    for page, text in pages.items():
        write(docs / "models" / f"{page}.md", text)
    head = ("model", "paper", "task", "input", "parameters", "paper", "FLOPs")
    write(docs / "_parts" / "models.md", table(head, listed))
    short = functools.partial(re.sub, ", corrected$|,(?= per)| body(?= part)")
    labels = {
        short("", row.label): row.method
        for _, experiments, _ in found.values()
        for experiment in experiments
        for row in experiment.table.methods
        if row.method in counts
    }
    scores = open_scores(labels)
    data = sorted({name for by in scores.values() for name in by})
    rows = [
        (f"`{name}`", *counts[name][::2], *map(by.get, data))
        for name, by in scores.items()
    ]
    text = table(("model", "parameters", "FLOPs", *data), rows)
    write(docs / "_parts" / "scores.md", text)


# Samples that a fold is trained on at full size, and whose count that is.
FULL = {
    "table1_protective": (18_410, "ALANet, Table III, with copies"),
    "table2_body_parts": (18_410, "ALANet, Table III, with copies"),
    "table3_pain_level": (1_882, "ALANet, Table II, with copies"),
    "table4_l3d_ablation": (160, "200 sequences"),
    "table5_unbc": (160, "200 sequences"),
    "table6_biovid": (6_960, "8,700 clips"),
    "table8_lsfan": (27_662, "L-SFAN's code, with copies"),
    "table9_pemf": (218, "272 clips"),
    "table10_aacsfnet": (46_462, "48,398 frames"),
}
PEOPLE = {"emopain": 30, "unbc_mcmaster": 25}
GPU = 10e12  # FLOPs a second, assumed: a third of a 30-TFLOPS card


def short(value: float) -> str:
    """One digit, or whole from ten on."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1g}"


def expected(found) -> str:
    """Time and memory of every table at full size, computed."""
    from keras_pain.models.flops import weightless
    from keras_pain.models.registry import MODELS

    with (ROOT / "models" / "summary.csv").open(encoding="utf-8") as stream:
        flops = {r["model"]: int(r["flops"]) for r in csv.DictReader(stream)}
    path = ROOT / "keras_pain" / "models" / "compile.csv"
    with path.open(encoding="utf-8") as stream:
        steps = {row["network"]: row for row in csv.DictReader(stream)}
    rows = []
    for script, (samples, source) in FULL.items():
        experiment = found[script][1][0]
        for row in experiment.table.methods:
            if row.method not in flops:
                continue
            entry = MODELS[row.method]
            recipe, folds = entry.recipe, {"holdout": 1, "cv5": 5}
            epochs = experiment.epochs or recipe.epochs
            folds = folds.get(row.evaluation) or PEOPLE[experiment.corpus]
            trainings = folds * len(experiment.protocols)
            total = 3 * flops[row.method] * samples * epochs * trainings
            with weightless():
                model = entry.build()
            values = sum(
                math.prod(filter(None, output.shape))
                for layer in model.layers
                for output in tree.flatten(layer.output)
            )
            memory = 8 * values * recipe.batch_size + 16 * model.count_params()
            hours = None
            if step := steps.get(row.method):
                seconds = float(step["step_ms"]) / 1000
                seconds /= max(float(step["gain"]), 1)
                # Measured with a batch of 40 at most.
                each = seconds / min(recipe.batch_size, 40)
                hours = short(each * samples * epochs * trainings / 3600)
            rows.append(
                (
                    f"`{script}`, {row.evaluation}",
                    f"`{row.method}`",
                    f"{samples:,} ({source})",
                    f"{epochs} x {trainings}",
                    short(total / 1e15),
                    short(memory / 2**30),
                    hours,
                    short(total / GPU / 3600),
                )
            )
    head = ("table", "network", "samples of a fold", "epochs x trainings")
    head += ("PFLOP", "GB of a step", "hours, 2 cores", "hours, 10 TFLOP/s")
    return table(head, rows)


def main(docs: pathlib.Path) -> None:
    """Writes all pages into the folder of the site."""
    from keras_pain.experiments.provenance import start_tensorflow

    start_tensorflow()
    from keras_pain.reports import audit
    from keras_pain.reproduction import flags, suites

    for name in ("_parts", "tables", "models", "notebooks"):
        shutil.rmtree(docs / name, ignore_errors=True)
        (docs / name).mkdir()
    found, audited, parts = scripts(), audit.run(), docs / "_parts"
    for name, declaration in found.items():
        text = table_page(name, *declaration, audited)
        write(docs / "tables" / f"{name}.md", text)
    models(docs, found)
    write(parts / "expected.md", expected(found))
    for kind in (flags.Options, flags.OwnOptions):
        fields = kind.__dataclass_fields__.items()
        rows = [
            (f"`--{k}`", f.metadata["arguments"]["help"]) for k, f in fields
        ]
        text = table(("flag", "meaning"), rows)
        write(parts / f"{kind.__name__}.md", text)
    rows = []
    for name in suites.suite_names():
        suite = suites.read_suite(name)
        stored = suite["path"].with_suffix(".json").is_file()
        what = (f"`{name}`", suite["title"], f"`{suite['script']}`")
        rows.append((*what, "yes" if stored else "no"))
    head = ("suite", "what", "script", "reference")
    write(parts / "suites.md", table(head, rows))
    # Those of a later release, too.
    kinds = ("measured_*", "benchmarks/*", "rerun_matrix*", "disputes*")
    files = [p for kind in kinds for p in sorted(docs.glob(f"{kind}.md"))]
    names = [str(p.relative_to(docs).with_suffix("")) for p in files]
    write(parts / "dated.md", "\n".join(["```{toctree}", *names, "```\n"]))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(path, docs / "notebooks")
