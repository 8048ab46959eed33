"""One page of results: a single HTML file that opens from disk.

Every row of the sheets has a drawer that says how its numbers came about. The
same folders give the same bytes. What the page looks like is in `templates/`.
"""

import base64
import collections
import dataclasses
import functools
import io
import itertools
import os
import pathlib
import re
import shlex
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence

import jinja2
import markupsafe
import numpy as np
from PIL import Image

from keras_pain import io as files
from keras_pain.corpora.media import natural_key
from keras_pain.errors import ConfigurationError, reading
from keras_pain.experiments.baselines import TRIVIAL
from keras_pain.experiments.protocols import LEAK_FREE
from keras_pain.experiments.store import COMMAND, RUN_FILE, ResultStore
from keras_pain.reports import audit
from keras_pain.reports.table import MAJORITY, NOTHING, TRAIN_MEAN, Grid, Sheet

MOST_BYTES = 8_000_000
_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_ROOM = 3_000_000  # of the page for what is no picture
_FALLS = ("mae", "mse", "rmse")  # the lower, the better
_NOT_STORED = "not stored"
_OLD = "was written by an older version: run its script again with --collect"
# Names of files that `keras-pain audit` and a leakage sheet leave.
_FURTHER = {"audit": audit.TITLE}
_FURTHER["leakage"] = "Leakage sheet: what each table answers"


@dataclasses.dataclass
class Report:
    """A sheet as the template shows it, with the id `key`.

    `kind` is the stem of its file, `where` its folder as seen from the page,
    `drawers` have ids, `rows` name those of each grid and row; `checks` are of
    explanations, `pictures` a caption and a data URI.
    """

    key: str
    path: pathlib.Path
    kind: str
    document: Mapping
    sheet: Sheet
    simulated: bool
    where: str
    drawers: dict[str, dict] = dataclasses.field(default_factory=dict)
    rows: list[list[list[str]]] = dataclasses.field(default_factory=list)
    people: list[dict] = dataclasses.field(default_factory=list)
    checks: list[Grid] = dataclasses.field(default_factory=list)
    pictures: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    left_out: list[str] = dataclasses.field(default_factory=list)
    smoke: bool = False  # of a run that only shows that the suite works


def write(results: Sequence, file) -> pathlib.Path:
    """Writes an HTML page on all reports in or below folders; returns its path.

    Raises ConfigurationError where there is no report, or no such folder;
    BadFileError where a report or a fold is damaged.
    """
    file = pathlib.Path(file)
    reports = [*_reports(results, file.parent)]
    if not reports:
        problem = f"{', '.join(map(str, results))}: holds no report"
        cure = "run a script of reproduce/ first, or `keras-pain all --smoke`"
        raise ConfigurationError(f"{problem}; {cure}")
    room = MOST_BYTES - _ROOM
    for report in reports:
        if report.kind not in _FURTHER:
            _fill(report)
            room = _embed(report, room)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["marks"] = _marks
    text = environment.get_template("page.html.jinja").render(
        reports=reports,
        headline=[row for report in reports for row in _headline(report)],
        copies=_copies(reports),
        real=sum(bool(r.people) and not r.simulated for r in reports),
        simulated=sum(report.simulated for report in reports),
        missing=[k for k in _FURTHER if k not in {r.kind for r in reports}],
        titles=_FURTHER,
    )
    return files.write_file(file, text.encode(), "choose another --out")


_AGAIN = "run its script again with --collect"
_reading = functools.partial(reading, cure=_AGAIN)


def _reports(results, start) -> Iterator[Report]:
    """Real data first, runs that show little last."""
    found, paths = [], dict.fromkeys(p for of in results for p in _json(of))
    for path in paths:
        with _reading(path):
            document = files.read_json(path)
            stem, _, mark = path.stem.partition(f"_{files.SIMULATED}")
            simulated = mark == "" and path.stem != stem
            if not isinstance(document, dict) or "rows" not in document:
                continue  # of another kind
            if "sheet" not in document:
                print(f"note: {path}: {_OLD}; left out", file=sys.stderr)
                continue
            of = dict(document["sheet"])
            grids = [*of["grids"], *document.get("times", [])]
            of["grids"] = [Grid(**grid) for grid in grids]
            sheet = Sheet(**of)
        where = os.path.relpath(path.parent, start)
        found.append(Report("", path, stem, document, sheet, simulated, where))
    small = [of for of in found if "SMOKE RUN" in " ".join(of.sheet.lines)]
    tried = {report.path.parent for report in small}
    for report in found:
        report.smoke = report.path.parent in tried
    # Table 10 comes behind table 9.
    found.sort(
        key=lambda r: (
            *(r.kind in _FURTHER, r.simulated, r.smoke),
            *(natural_key(r.path.parent), r.kind == "people"),
        )
    )
    for number, report in enumerate(found, start=1):
        report.key = f"r{number}"
        yield report


def _json(folder):
    """JSON files in a folder, but for those of folds and hidden ones."""
    if not os.path.isdir(folder):
        problem = f"{folder}: no such folder; give one with results"
        raise ConfigurationError(problem)
    for place, folders, names in os.walk(folder):
        kept = (n for n in folders if n != "folds" and not n.startswith("."))
        folders[:] = sorted(kept)
        for name in sorted(names):
            if name.endswith(".json"):
                yield pathlib.Path(place, name).resolve()


@functools.lru_cache(maxsize=1)
def _places(folder):
    """Finished folds by evaluation, protocol and method."""
    store, places = ResultStore(folder), collections.defaultdict(list)
    for key in store.completed():
        source = key.evaluation, key.protocol, key.method
        places[source].append(store.read(key))
    return places


def _fill(report):
    """Gives a report its drawers, strips and checks."""
    folder, document = report.path.parent, report.document
    run, places = {}, _places(folder)
    if (path := folder / RUN_FILE).exists():
        with _reading(path):
            run = dict(files.read_json(path))
    run.setdefault(COMMAND, document.get(COMMAND, []))
    whole, title = f"{report.key}-all", "All of this report"
    facts = _facts(run, document.get("provenance", []))
    facts["File"] = [f"{report.where}/{report.path.name}"]
    report.drawers[whole] = {"title": title, "facts": facts}
    if document.get("published"):
        whole, title = f"{report.key}-paper", "What the paper prints"
        facts = {"Paper": [document["paper"]]}
        facts["File"] = [f"reproduce/published/{document['published']}"]
        facts["Notes"] = report.sheet.footnotes or ["none"]
        report.drawers[whole] = {"title": title, "facts": facts}
    ids, labels = {}, _labels(report)
    for grid in report.sheet.grids:
        of_grid = []
        for of in grid.sources or [()] * sum(map(len, grid.groups)):
            for source in map(tuple, of):
                if source not in ids and source in places:
                    ids[source] = f"{report.key}-d{len(ids) + 1}"
                    drawer = _drawer(report, run, source, places[source])
                    drawer["title"] = f"{labels[source]}, {source[1]}"
                    report.drawers[ids[source]] = drawer
            found = [ids[s] for s in map(tuple, of) if s in ids]
            of_grid.append(found or [whole])
        report.rows.append(of_grid)
    strips = {s: p for s, p in places.items() if s in ids}
    if report.kind not in ("people", "ledger"):
        report.people = [*_strips(strips, labels)]
    for path in sorted(folder.glob("explanations/*/checks*.csv")):
        lines = path.read_text(encoding="utf-8").splitlines()
        head, *rows = (line.split(",") for line in lines)
        title = f"Do the maps depend on the network? {path.parent.name}"
        report.checks.append(Grid(title, head, [rows], left=len(head)))


def _labels(report):
    """What readers call the method of each source."""
    labels, name = {}, ""
    for grid in report.sheet.grids:
        heads, named = list(grid.columns), "Method" in grid.columns
        rows = itertools.chain(*grid.groups)
        for row, of in zip(rows, grid.sources, strict=False):
            name = named and row[heads.index("Method")] or name
            for source in map(tuple, of):
                labels.setdefault(source, name if named else source[2])
    return labels


def _facts(run, environments):
    """What is known of a run: texts by what they are."""
    commits, versions, hardware = {}, {}, {}
    for of in environments:
        sources = f"no commit: sources {of.get('sources_sha256', '')[:12]}"
        commits[of.get("git_commit") or sources] = None
        named = (of.get("versions") or {}).items()
        versions[", ".join(f"{n} {v}" for n, v in named if v)] = None
        hardware[of.get("hardware", "")] = None
    command = shlex.join(run.get(COMMAND) or ()) or "keras_pain.evaluate(...)"
    facts = {"Command": [command], "Commit": commits}
    if run.get("fingerprint"):
        data = f"{run['corpus']}, {run['layout']}, {run['fingerprint']}"
        facts["Data, layout, fingerprint"] = [data]
    facts |= {"Versions": versions, "Hardware": hardware}
    return {k: [*filter(None, v)] or [_NOT_STORED] for k, v in facts.items()}


def _drawer(report, run, source, folds):
    """Facts, numbers and folds behind the numbers of a row."""
    evaluation, protocol, method = source
    facts = _facts(run, [of.result.get("environment", {}) for of in folds])
    seeds = sorted({of.key.seed for of in folds})
    facts["Seeds"] = [", ".join(map(str, seeds))]
    people, lines = [], {}
    for fold in folds:
        of = fold.result.get("subjects") or fold.config.get("subjects") or {}
        parts = ("train", "validation", "test")
        people.append([len(of[part]) for part in parts if part in of])
        words = "/".join(map(str, people[-1])) or _NOT_STORED
        line = f"{fold.key.fold}: {words}"
        lines.setdefault(line, []).append(str(fold.key.seed))
    wanted = max(_wanted(report, source, len(seeds)), len(folds))
    facts["Folds"] = [f"{len(folds)}/{wanted}"]
    counts = [sorted({*n}) for n in zip(*people, strict=True)]
    texts = ["–".join(map(str, (n[0], n[-1])[: len(n)])) for n in counts]
    texts = [" / ".join(texts) or _NOT_STORED]
    facts["People a fold: trained on / validation / tested"] = texts
    store = f"{report.where}/{folds[0].key.path.parent.parent}"
    facts["Files in the store"] = [f"{store}/seed…/…/result.json"]
    mine, numbers = (method, f"{evaluation}/{protocol}"), []
    for row, value, sd in _values(report):
        if mine == (row.get("method"), row.get("protocol")):
            name = " ".join(filter(None, (row["metric"], row.get("class"))))
            numbers.append((name.replace("_", " "), value, sd))
    return {
        "facts": facts,
        "numbers": numbers,
        "folds": [f"{k}; seed {', '.join(v)}" for k, v in lines.items()],
        "state": facts["Folds"][0],
    }


def _values(report):
    """Rows of numbers of one method, with the number and its deviation."""
    for row in report.document["rows"]:
        value = row.get("ours", row.get("value"))
        if value is not None and not row.get("against"):
            yield row, value, row.get("ours_sd", row.get("sd_seeds"))


def _wanted(report, source, seeds):
    """How many folds there are to be; 0 where it is not said."""
    path = report.path.parent / f"subjects_{source[0]}_{source[1]}.json"
    if not path.exists():
        return 0
    with _reading(path):
        return seeds * len(files.read_json(path))


def _strips(places, labels):
    """The scores of people, method by method; leak-free where there is that."""
    fair = {s: p for s, p in places.items() if s[1] == LEAK_FREE.name}
    found = {s: sorted(_scores(p)) for s, p in (fair or places).items()}
    most = max([1.0, *(values[-1] for values in found.values())])
    for source, values in found.items():
        classes = "probabilities" in places[source][0].predictions
        yield {
            "measure": "accuracy" if classes else "mean absolute error",
            "label": labels[source],
            "protocol": "/".join(source[:2]),
            "most": most,
            "values": values,
            "median": statistics.median(values),
            "places": [100 * value / most for value in values],
        }


def _scores(folds):
    """Accuracy of each person, or mean absolute error of intensities."""
    scores, people = [], []
    for of in (fold.predictions for fold in folds):
        if "probabilities" in of:
            scores.append(of["probabilities"].argmax(axis=1) == of["y_true"])
        else:
            scores.append(np.abs(of["y_pred"] - of["y_true"]))
        people.append(of["subject"])
    scores, people = np.concatenate(scores), np.concatenate(people)
    return [float(scores[people == p].mean()) for p in np.unique(people)]


def _headline(report):
    """Rows of the first table: the methods that a paper scores, or the best."""
    grid = next(iter(report.sheet.grids), None)
    cells = [r for r in report.document["rows"] if r.get("metric")]
    if report.kind not in ("table", "leaderboard") or not cells:
        return
    metric, of_class = cells[0]["metric"], cells[0].get("class")
    if report.kind == "leaderboard":
        metric = f"pooled_{report.document['metric']}"
    found = collections.defaultdict(dict)
    for row, *value in _values(report):
        if (row.get("metric"), row.get("class")) == (metric, of_class):
            found[row["protocol"]][row["method"]] = *value, row
    labels = {s[2]: label for s, label in _labels(report).items()}
    falls = metric.removeprefix("pooled_") in _FALLS
    for protocol, of in found.items():
        order = (MAJORITY, TRAIN_MEAN, *TRIVIAL)
        trivial = next((name for name in order if name in of), None)
        ours = {m: of[m] for m in of if m not in TRIVIAL and m != TRAIN_MEAN}
        chosen = [m for m, (*_, row) in ours.items() if row.get("paper")]
        if not chosen and ours:
            best = min if falls else max
            chosen = [best(ours, key=lambda name: ours[name][0])]
        for method in chosen:
            value, sd, row = ours[method]
            drawer = _drawer_of(report, *protocol.split("/", 1), method)
            yield {
                "report": report,
                "simulated": report.simulated,
                "method": labels.get(method, method),
                "metric": grid.columns[2],
                "ours": f"{value:.3f}" + (f" ± {sd:.3f}" if sd else ""),
                "paper": row.get("paper") or NOTHING,
                "chance": f"{of[trivial][0]:.3f}" if trivial else NOTHING,
                "protocol": protocol,
                "folds": report.drawers[drawer].get("state", NOTHING),
                "drawer": drawer,
            }


def _drawer_of(report, *source):
    for grid, ids in zip(report.sheet.grids, report.rows, strict=True):
        for of, drawers in zip(grid.sources, ids, strict=False):
            if [tuple(one) for one in of] == [source]:
                return drawers[0]
    return f"{report.key}-all"


def _embed(report, room):
    """Takes in the figures of a folder while there is room; returns the rest.

    Pictures are stored as WebP, without loss where that is not larger.
    """
    patterns = "figures/*.png", "explanations/*/*.png"
    found = (sorted(report.path.parent.glob(pattern)) for pattern in patterns)
    for path in itertools.chain(*found) if report.kind != "people" else ():
        with _reading(path):
            content = min(_webp(path, True), _webp(path, False), key=len)
        text = base64.b64encode(content).decode()
        name = path.stem.removesuffix(f"_{files.SIMULATED}")
        caption = name.replace("_", " ").capitalize()
        if path.parent.parent.name == "explanations":
            caption += f", {path.parent.name}"
        if len(text) > room:
            report.left_out.append(f"{report.where}/{path.name}")
            continue
        room -= len(text)
        report.pictures.append((caption, f"data:image/webp;base64,{text}"))
    return room


def _webp(path, lossless):
    with Image.open(path) as image:
        buffer = io.BytesIO()
        options = {"quality": 85, "method": 4}
        image.convert("RGB").save(buffer, "webp", lossless=lossless, **options)
    return buffer.getvalue()


def _marks(cell, key):
    """A cell whose notes `[1]` are links to them."""
    text, marks = re.fullmatch(r"(?s)(.*?)((?: \[\d+\])*)", cell).groups()
    links = [
        markupsafe.Markup('<a href="#{0}-note-{1}">[{1}]</a>').format(key, n)
        for n in re.findall(r"\d+", marks)
    ]
    return markupsafe.Markup(" ").join([markupsafe.escape(text), *links])


def _copies(reports):
    """The texts that the buttons of each table copy, by its id."""
    copies = {}
    for report in reports:
        mark = files.SIMULATED if report.simulated else "real"
        for number, grid in enumerate(report.sheet.grids, start=1):
            alone = {"lines": (), "grids": [grid], "remarks": ()}
            sheet = dataclasses.replace(report.sheet, **alone)
            rows = [[*row, mark] for group in grid.groups for row in group]
            rows = [[*grid.columns, "data"], *rows]
            cells = [dict(enumerate(row)) for row in rows]
            text = files.csv_text(range(len(rows[0])), cells)
            copies[f"{report.key}-t{number}"] = {
                "Markdown": sheet.markdown(),
                "LaTeX": sheet.latex(),
                "CSV": text.partition("\n")[2],
            }
    return copies
