"""The page of results: what is in its file, and how it behaves in a browser."""

import base64
import html.parser
import json
import re
import shutil
import xml.etree.ElementTree as ET

import pytest
from conftest import ROOT
from test_leaderboard import PEOPLE, fill
from test_leaderboard import write as write_leaderboard

from keras_pain.cli import main
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.store import ResultStore
from keras_pain.reports import audit, page
from keras_pain.reports.table import (
    ColumnSpec,
    Grid,
    RowSpec,
    Sheet,
    TableSpec,
    write_table,
)
from keras_pain.reproduction import everything

TEMPLATES = ROOT / "keras_pain" / "reports" / "templates"
VOID = {"meta", "link", "img", "br", "input"}
PUBLISHED = """method,evaluation,metric,class,value,note
good,loso,macro_f1,,0.91,a note <b>of ours</b>
"""


class Parser(html.parser.HTMLParser):
    """Builds a tree; raises where a tag is not closed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.builder, self.open = ET.TreeBuilder(), []
        self.feed(text)
        assert not self.open, self.open
        self.root = self.builder.close()

    def handle_starttag(self, tag, attrs):
        self.builder.start(tag, {k: v or "" for k, v in attrs})
        if tag in VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()
        self.builder.end(tag)

    def handle_data(self, data):
        if self.open:
            self.builder.data(data)


def put_results(root):
    """A table of real data, a simulated leaderboard, and an audit."""
    for name in ("open_real", "board"):
        folder = root / name
        store = ResultStore(folder)
        expected = fill(store, environment_commit="abc")
        people = {p: {"train": [], "test": [p]} for p in PEOPLE}
        text = json.dumps(people)
        (folder / "subjects_loso_leak_free.json").write_text(text)
        run = {"command": ["reproduce/x.py", "--seeds=0,1"], "corpus": "made"}
        run |= {"layout": "up", "fingerprint": "abc", "simulated": False}
        (folder / "run.json").write_text(json.dumps(run))
        if name == "board":
            write_leaderboard(store, expected, folder, simulated=True)
            continue
        published = folder / "paper.csv"
        published.write_text(PUBLISHED)
        rows = [RowSpec(m.upper(), m, "loso") for m in ("majority", "good")]
        spec = TableSpec(
            *(name, "Real <people>", "A paper", tuple(rows)),
            *((ColumnSpec("Macro-F1", "macro_f1"),), ("no", "yes"), published),
        )
        wanted = {k: c for k, c in expected.items() if k.method != "fair"}
        options = {"corpus": "made", "simulated": False}
        write_table(spec, store, wanted, folder, **options)
    rows = [
        dict(paper="P", claim="1 > 2", verdict=verdict, evidence="x")
        for verdict in (audit.HOLDS, audit.CANNOT)
    ]
    grid = Grid("loso, leak_free", ["Question", "Answer"], [[["L1.1", "no"]]])
    sheets = {"audit": audit.sheet(rows)}
    sheets["leakage"] = Sheet("leakage", "Leakage sheet of x", (), [grid])
    for stem, sheet in sheets.items():
        sheet.write(root / "audit", stem, [*rows[0]], rows, False)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    put_results(root)
    file = root / "report" / "index.html"
    assert main(["report", str(root), "--out", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    return file, text, Parser(text).root


def named(tree, tag, name, value=None):
    found = [one for one in tree.iter(tag) if name in one.attrib]
    return [one for one in found if value in (None, one.attrib[name])]


def words(element):
    return " ".join(" ".join(element.itertext()).split())


def test_the_page_is_whole_and_looks_nowhere_else(built):
    file, text, tree = built
    assert file.stat().st_size < page.MOST_BYTES
    assert len(list(tree.iter("img"))) == 2  # ranks, and forest
    for name in ("src", "href", "action", "data"):
        for one in tree.iter():
            place = one.attrib.get(name, "#")
            assert place.startswith(("#", "data:")), place
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp", text)
    ids = [one.attrib["id"] for one in tree.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    for one in named(tree, "a", "href"):
        assert one.attrib["href"][1:] in ids, one.attrib
    assert "<b>of ours" not in text and "Real &lt;people&gt;" in text
    before = file.read_bytes()
    assert page.write([file.parents[1]], file).read_bytes() == before


def test_every_control_has_a_label(built):
    tree = built[2]
    for kind in ("button", "a", "summary", "caption", "h2"):
        found = list(tree.iter(kind))
        assert found, kind
        assert all(one.get("aria-label") or words(one) for one in found)
    assert all(len(one.attrib["alt"]) > 20 for one in tree.iter("img"))
    for one in tree.iter("div"):
        if {"tabindex", "popover"} & one.attrib.keys():
            assert one.attrib["aria-label"] and one.attrib["role"]
    heads = [one for one in tree.iter("th")]
    assert all(one.attrib["scope"] in ("col", "row") for one in heads)


def test_every_number_has_a_drawer_and_it_is_filled(built):
    tree = built[2]
    drawers = {d.attrib["id"]: d for d in named(tree, "div", "popover")}
    targets = {
        b.attrib["popovertarget"]
        for b in tree.iter("button")
        if "popovertarget" in b.attrib
    }
    assert targets == drawers.keys()
    further = [s for s in tree.iter("section") if s.get("id") in ("r3", "r4")]
    assert "1 > 2" in words(further[0]) and "L1.1" in words(further[1])
    for section in (s for s in tree.iter("section") if s not in further):
        for table in section.iter("figure"):
            for row in (r for body in table.iter("tbody") for r in body):
                if not named(row, "td", "colspan"):
                    assert named(row, "button", "popovertarget"), words(row)
    for drawer in drawers.values():
        facts = [words(dd) for dd in drawer.iter("dd")]
        assert facts and all(facts), words(drawer)
        terms = " ".join(words(dt) for dt in drawer.iter("dt"))
        if "paper" not in drawer.attrib["id"]:
            for name in ("Command", "Commit", "Versions", "Hardware", "File"):
                assert name in terms
        if re.search(r"-d\d", drawer.attrib["id"]):
            for name in ("Seeds", "Folds", "People", "fingerprint"):
                assert name in terms
    good = words(drawers["r1-d2"])
    assert "reproduce/x.py --seeds=0,1" in good and "12/12" in good
    assert "../open_real/folds/loso/leak_free/good/" in good


def test_what_is_simulated_says_so_wherever_one_looks(built):
    _, text, tree = built
    real, board = (named(tree, "section", "id", k)[0] for k in ("r1", "r2"))
    assert "SIMULATED" not in words(real)
    for table in board.iter("table"):
        band = words(table)
        assert "SIMULATED" in band or table in board.findall(".//div//table")
    for one in (*board.iter("thead"),):
        assert "SIMULATED" in words(one) or "Metric" in words(one)
    assert all(
        "SIMULATED" in words(c)
        for c in board.iter("figcaption")
        if "Copy" not in words(c)
    )
    copies = json.loads(words(named(tree, "script", "id", "copies")[0]))
    for key, forms in copies.items():
        assert len(forms) == 3
        for form in forms.values():
            assert ("SIMULATED" in form) == key.startswith("r2")
    head = words(named(tree, "section", "id", "headline")[0])
    assert head.index("REAL") < head.index("SIMULATED")
    assert re.search(r"GOOD Macro-F1 0\.\d+ ± [\d.]+ 0\.91 0\.\d+", head)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4
        for p in parts
    ]
    return sum(
        a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def test_contrast():
    css = (TEMPLATES / "page.css").read_text()
    colours = dict(re.findall(r"(--\w+): (#\w{6});", css))
    pairs = 0
    for rule in re.findall(r"\{([^{}]*)\}", css):
        found = dict(
            re.findall(r"(?:^|[;\s])(color|background): ([^;]+);", rule)
        )
        if "color" in found:
            values = [
                re.sub(r"var\((--\w+)\)", lambda m: colours[m[1]], v)
                for v in (found["color"], found["background"])
            ]
            light, dark = sorted(map(luminance, values), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, rule
            pairs += 1
    assert pairs > 8


def test_folders_without_a_report_are_refused(tmp_path, capsys):
    with pytest.raises(ConfigurationError, match="holds no report"):
        page.write([tmp_path], tmp_path / "a.html")
    old = {"name": "x", "rows": [], "title": "of before"}
    (tmp_path / "table.json").write_text(json.dumps(old))
    assert main(["report", str(tmp_path)]) == 1
    assert main(["report", str(tmp_path / "none")]) == 1
    said = capsys.readouterr().err
    assert "--collect; left out" in said and "no such folder" in said


# --- keras-pain all ---


def test_every_script_is_found_once_a_corpus(tmp_path):
    (tmp_path / "ui_prmd").mkdir()
    found = everything.jobs(ROOT / "reproduce", tmp_path, smoke=True)
    names = [job.name for job in found]
    assert len(names) == len(set(names))
    tables = [n for n in names if n.startswith("table")]
    assert tables[0] == "table1_protective" and "table10" in tables[-1]
    scripts = {p.stem for p in (ROOT / "reproduce").glob("*.py")}
    left = scripts - {job.script for job in found}
    assert left == {"own_data", "figure_simulated_bend"}
    skipped = {job.name for job in found if job.skipped}
    ledgers = {f"ledger_open_{c}" for c in ("buhmap", "emg_lower_limb")}
    assert skipped == {"open_buhmap", "open_emg", "open_faces", *ledgers}
    (leaks,) = (j for j in found if j.name == "leaks_ui_prmd")
    assert f"--manual_dir={tmp_path}/ui_prmd" in leaks.command
    with pytest.raises(ConfigurationError, match="no tableX"):
        everything.chosen(found, ["tableX"])


def test_all_goes_on_past_what_fails(tmp_path, monkeypatch, capsys):
    """With scripts of two lines; one fails, one leaves results, one is off."""
    put_results(tmp_path / "results")
    scripts = tmp_path / "reproduce"
    scripts.mkdir()
    for name, text in {
        "table1_x": "raise SystemExit('error: this is broken')",
        "table2_y": "print('well')",
        "open_z": "corpus = 'buhmap'",
    }.items():
        (scripts / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(everything.DATA, raising=False)
    sheets = []  # the store's folds are made by hand
    monkeypatch.setattr(everything.leakage, "write_sheet", sheets.append)
    only = "--only=table1_x,table2_y,open_z"
    assert main(["all", "--smoke", only]) == 1
    out, err = capsys.readouterr()
    assert "skipped: open_z: needs the folder buhmap/" in err
    assert "2 to run: 2 of unknown length" in err
    assert "failed: table1_x: error: this is broken" in err
    assert "2/2 table2_y: ended" in err
    assert (tmp_path / out.strip()).is_file()
    assert {folder.name for folder in sheets} == {"open_real", "board"}
    assert main(["all", "--smoke", "--only=table2_y"]) == 0
    assert "1 to run: about" in capsys.readouterr().err
    assert main(["all", "table2_y"]) == 1


# --- In a browser ---


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    driver, program = map(shutil.which, ("chromedriver", "chromium"))
    if not (driver and program):
        pytest.skip(
            "no chromium and chromedriver: apt-get install "
            "chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = program
    flags = """headless no-sandbox disable-gpu disable-quic no-first-run
    disable-background-networking disable-component-update disable-sync"""
    for flag in (
        *flags.split(),
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options, service) as found:
        yield found


def test_in_a_browser(built, browser, tmp_path):
    """Sorting, copying, drawers; no error, no request, no wide page."""
    file = built[0]
    browser.get("about:blank")
    browser.get_log("performance")  # what it asks for at its start
    browser.get(file.as_uri())
    run = browser.execute_script

    def column():
        return run("""return [...document.querySelectorAll(
            '#r2-t1 tbody tr')].map(r => parseFloat(r.cells[2].innerText))""")

    before = column()
    assert len(before) == 4 and before == sorted(before, reverse=True)
    run("document.querySelectorAll('#r2-t1 thead button')[2].click()")
    assert column() == sorted(before)
    run("""window.kept = ''; navigator.clipboard.writeText =
        async (text) => { window.kept = text; };
        document.querySelector('[data-copy=r1-t1][data-form=LaTeX]').click()""")
    assert r"\begin{table}" in run("return window.kept")
    assert not run("return document.querySelector(':popover-open')")
    run("document.querySelector('#r1-t1 tbody td').click()")
    shown = run("return document.querySelector(':popover-open').innerText")
    assert "reproduce/x.py --seeds=0,1" in shown
    keys = __import__("selenium.webdriver", fromlist=["Keys"]).Keys
    browser.switch_to.active_element.send_keys(keys.ESCAPE)
    assert not run("return document.querySelector(':popover-open')")
    for width in (390, 1280, 1920):
        size = {"width": width, "height": 900, "mobile": False}
        size["deviceScaleFactor"] = 1
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        wide = run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels wide at {width}"
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
    assert not browser.get_log("browser")
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            place = message["params"]["request"]["url"]
            assert place.startswith(("data:", file.as_uri())), place
