"""The documentation: built strictly, read in a browser, and run, all of it. Needs the extra `docs` and chromium."""

import doctest
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urldefrag, urlsplit

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from support import ROOT
from support.processes import environment, python

import regfleet

PAGES = sorted([ROOT / "README.md", *(path for path in ROOT.glob("docs/*.md") if path.stem != "index")])
WIDTHS = (("light", 1280), ("dark", 768), ("light", 390))
LOOKED_AT = ("index", "tutorial", "commands", "api", "statistics", "reading-a-report", "notebooks/churn", "search")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"], "preload": False}
SMALL = """
set -euo pipefail
python() { case "$*" in *"pip install"*) ;; *) command "$PYTHON" "$@";; esac; }
regfleet() {
  case "$1" in
    compare) "$PYTHON" -m regfleet "$@" --seeds 2 --epochs 2 --in-process --quiet;;
    fit) "$PYTHON" -m regfleet "$@" --in-process --quiet;;
    *) "$PYTHON" -m regfleet "$@";;
  esac
}
"""
"""What a page's lines are run with: here, in seconds, and without installing."""
BEFORE = {
    "over-time": """
for run in reports/october:5 reports/november:5 machine-1:0-1 machine-2:2-3; do
  "$PYTHON" -m regfleet compare -t l2 --model 4 --seeds "${run#*:}" --out "${run%:*}" --epochs 2 --in-process --quiet
done
"""
}
"""By page: what makes the results that its lines speak of."""


def blocks(path, language):
    """The fenced blocks of a page in a language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)
    return [block for found, block in fenced if found == language]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built site, in a folder below that of a server."""
    folder = tmp_path_factory.mktemp("host") / "some" / "where"
    done = python("-m", "sphinx", "-q", "-W", "--keep-going", ROOT / "docs", folder, cwd=ROOT)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="session")
def parsed(site):
    """Every page that the builder wrote, by its place."""
    from bs4 import BeautifulSoup

    return {
        path.relative_to(site).as_posix(): BeautifulSoup(path.read_text(), "html.parser")
        for path in site.rglob("*.html")
        if not path.is_relative_to(site / "reports")
    }


def test_nothing_is_loaded_from_elsewhere(site, parsed):
    """Scripts, styles, fonts and pictures of every page lie beside it."""
    assert len(parsed) > 80
    loading = "script[src], img[src], iframe[src], link[href]"
    named = {one.get("src") or one["href"] for page in parsed.values() for one in page.select(loading)}
    styles = [path.read_text() for path in (site / "_static").rglob("*.css")]
    named |= {url for text in styles for url in re.findall(r"(?:url\(|@import )['\"]?([^'\")]+)", text)}
    assert {url for url in named if urlsplit(url).scheme not in ("", "data") or url.startswith("//")} == set()


def test_links_lead_to_pages_and_places_that_there_are(site, parsed):
    """Each relative link has its file, and each anchor its element."""
    lost = []
    for place, page in parsed.items():
        for link in (one["href"] for one in page.select("a[href]")):
            target, anchor = urldefrag(link)
            if urlsplit(target).scheme:
                continue
            file = (site / place).parent / unquote(target) if target else site / place
            name = os.path.relpath(file, site)
            known = not anchor or name not in parsed or parsed[name].find(id=unquote(anchor))
            lost += [(place, link)] * (not file.exists() or not known)
    assert lost == []


@pytest.fixture(scope="session")
def hosted(site):
    """The address of the site, two folders below a server's root."""
    serve = functools.partial(SimpleHTTPRequestHandler, directory=site.parents[1])
    serve.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/some/where"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.mark.parametrize(("scheme", "width"), WIDTHS)
@pytest.mark.parametrize("way", ["disk", "subfolder"])
def test_pages_read_well_in_a_browser(site, hosted, chromium, scheme, width, way):
    """No rule of accessibility is broken, nothing scrolls sideways, nothing fails or is fetched from elsewhere."""
    home = site.as_uri() if way == "disk" else hosted
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith((home, "data:")) else wrong.append(one.url))
    for name in LOOKED_AT:
        page.goto(f"{home}/{name}.html")
        wrong += [f"{name} scrolls"] * (page.evaluate("document.documentElement.scrollWidth") > width)
        if way == "disk":
            seen = Axe().run(page, options=RULES)
            wrong += [seen.generate_report()] * bool(seen.violations_count)
    page.goto(f"{home}/search.html?q=dropout")
    page.wait_for_selector("#search-results li a")
    context.close()
    assert wrong == []


def test_words_are_spelled_right():
    """In what people read: the documents and the pages."""
    texts = [*ROOT.glob("*.md"), ROOT / "examples", ROOT / "docs", ROOT / ".github", ROOT / "templates"]
    done = python("-m", "codespell_lib", *texts, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_run_and_say_the_same(path, tmp_path):
    """What their cells print is what is kept; tables that hold seconds are there again."""
    import nbformat

    spec = importlib.util.spec_from_file_location("execute", path.parent / "execute.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    again = tmp_path / path.name
    shutil.copy(path, again)
    script.execute(again)
    kept, found = (
        [one for cell in nbformat.read(file, as_version=4).cells for one in cell.get("outputs", ())]
        for file in (path, again)
    )
    assert [sorted(one.get("data", {})) for one in kept] == [sorted(one.get("data", {})) for one in found]
    assert [one.get("text") for one in kept] == [one.get("text") for one in found]
    assert json.loads(path.read_text())["metadata"] == json.loads(again.read_text())["metadata"]


@pytest.fixture
def folder(tmp_path):
    """A folder with the tables and modules that the pages speak of."""
    customers = pd.read_csv(ROOT / "examples" / "customers.csv")
    customers.to_csv(tmp_path / "customers.csv", index=False)
    churn = customers.drop(columns=["customer", "ended"])
    churn.to_csv(tmp_path / "churn.csv", index=False)
    churn.drop(columns="churned").head(20).to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "churn.csv", tmp_path / "elsewhere")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "bash")], ids=lambda path: path.stem)
def test_lines_of_pages_run(path, folder):
    """From first to last as they stand there, with two seeds and two epochs."""
    lines = BEFORE.get(path.stem, "") + "\n".join(blocks(path, "bash"))
    here = environment(PYTHON=sys.executable)
    here["PATH_BEFORE"] = here["PYTHONPATH"]
    lines = lines.replace("PYTHONPATH=examples ", 'PYTHONPATH="examples:$PATH_BEFORE" ')
    done = subprocess.run(
        ["bash", "-c", SMALL + lines], cwd=folder, env=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def build(input_shape, outputs):
    """A model for the examples."""
    import keras

    hidden = keras.layers.Dense(8, "relu")
    return keras.Sequential([keras.Input(input_shape), hidden, keras.layers.Dense(outputs, "softmax")])


def test_python_of_pages_and_of_docstrings_runs(folder, monkeypatch):
    """Each block in order, given what it speaks of: rows, a study, a model that was fitted."""
    import sklearn.metrics
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    monkeypatch.chdir(folder)
    how = {"in_process": True, "progress": False}
    small = {**how, "epochs": 1, "seeds": 2}
    frame = pd.read_csv("churn.csv")
    y = frame.pop("churned").to_numpy()
    x = frame[["visits_per_month", "complaints"]].to_numpy(float)
    for out, data, target in (("iris", "iris", None), ("churn", "churn.csv", "churned")):
        regfleet.compare(data, target=target, model=[4], techniques=["l2"], out=f"reports/{out}", **small)
    regfleet.compare((x, y), model=[4], techniques=["l2"], out="reports/mine", **small)
    regfleet.fit("reports/churn", "churn-model", seeds=2, **how)
    monkeypatch.setattr(regfleet, "compare", functools.partial(regfleet.compare, **{**how, "epochs": 1}))
    monkeypatch.setattr(regfleet, "fit", functools.partial(regfleet.fit, **how))
    names = {
        "regfleet": regfleet,
        "sklearn": sklearn,
        "build": build,
        "pandas": pd,
        "cross_val_score": cross_val_score,
        "cross_validate": cross_validate,
        "make_pipeline": make_pipeline,
        "DecisionTreeClassifier": DecisionTreeClassifier,
        "GridSearchCV": GridSearchCV,
        "KFold": KFold,
        "RandomForestClassifier": RandomForestClassifier,
        "SimpleImputer": SimpleImputer,
    }
    search = {"model": DecisionTreeClassifier(random_state=0), "grid": {"max_depth": [1, 3]}, "x": x}
    ran = 0
    for path in PAGES:
        given = {**names, **search, "X": x, "y": y, "frame": frame, "new": x[:5]}
        for block in blocks(path, "python"):
            quick = block.replace("RegularizedClassifier())", "RegularizedClassifier(model=(4,), seeds=2))")
            exec(compile(quick, path.name, "exec"), given)
            ran += 1
    for table, variants in {"search.csv": 2, "models.csv": 2}.items():
        (data,) = regfleet.analyze(table, metric="accuracy").summary.datasets
        assert len(data.variants) == variants
    (folder / "churn-model").rename(folder / "churn-model-before")
    for thing in (regfleet.compare.func, regfleet.fit.func, regfleet.Results.score):
        results = regfleet.load("reports/iris")
        given = {**names, "X": x, "y": y, "results": results, "new_rows": frame.head()}
        for example in doctest.DocTestParser().get_examples(thing.__doc__):
            source = example.source.replace("recall:malignant", "recall:virginica")
            exec(compile(source, thing.__name__, "exec"), given)
            ran += 1
    assert ran >= 10
