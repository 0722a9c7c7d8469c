"""The documents for contributors say what is there: rooms, decisions, links."""

import re
import tomllib
from pathlib import Path

import pytest

from regfleet.checks import CHECKS, checks_page

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
PAGES = (path for path in (ROOT / "docs").rglob("*.md") if "generated" not in path.parts)  # which copies the others
DOCUMENTS = sorted([*ROOT.glob("*.md"), *PAGES, *(ROOT / "examples").glob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_links_lead_somewhere(document):
    """Every link to a file of the repository names one that is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_architecture_names_every_room():
    """The table of rooms has each package and each module that stands straight below the package."""
    there = {path.name for path in (ROOT / "regfleet").glob("[!_]*.py")}
    there |= {f"{path.parent.name}/" for path in (ROOT / "regfleet").glob("*/__init__.py")}
    rooms = (ROOT / "ARCHITECTURE.md").read_text().partition("## The rooms")[2].partition("## ")[0]
    assert there - set(re.findall(r"`([\w.]+/?)`", rooms)) == set()


def test_architecture_has_the_order_of_the_contract():
    """Rooms stand in the table as the import contract stacks them."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = [set(re.split(r"[ |:]+", layer)) for layer in contract["layers"]]
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("## The rooms")[2].partition("## ")[0]
    rooms = [room for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for room in re.findall(r"`(\w+)", row)]
    floors = [floor for room in rooms for floor, layer in enumerate(layers) if room in layer]
    assert floors == sorted(floors)


def test_architecture_names_places_that_exist():
    """What the document says to write stands in a file of the package."""
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("## Where to add what")[2].partition("## ")[0]
    places = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", table.replace("docs/decisions/", ""))
    assert len(places) > 10
    assert [place for place in places if not (ROOT / "regfleet" / place).exists()] == []


def test_templates_are_told_of_records_that_exist():
    """The records that a template sees are classes where templates/README.md says."""
    names = re.findall(r"`regfleet\.([\w.]+)\.([A-Z]\w+)`", (ROOT / "templates" / "README.md").read_text())
    assert len(names) > 5
    places = [(ROOT / "regfleet" / f"{module.replace('.', '/')}.py", name) for module, name in names]
    assert [name for path, name in places if not path.is_file() or f"class {name}" not in path.read_text()] == []


def test_the_page_of_checks_is_what_the_package_writes():
    """Every code stands there with its anchor, as the package says it."""
    page = (ROOT / "docs" / "checks.md").read_text()
    assert page == checks_page()
    anchors = [
        re.sub("[^a-z0-9 ]", "", title.lower()).replace(" ", "-")
        for title in re.findall("^## (.*)$", page, re.MULTILINE)
    ]
    assert [kind.anchor.partition("#")[2] for kind in CHECKS.values()] == anchors


def test_index_has_every_decision():
    """Each decision stands in the index once, by its number and its title, and numbers are given once."""
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for path in DECISIONS:
        title = path.read_text().splitlines()[0].removeprefix("# ")
        assert index.count(f"- [{path.name[:4]} {title}]({path.name}): ") == 1
    assert len({path.name[:4] for path in DECISIONS}) == len(DECISIONS)


@pytest.mark.parametrize("decision", DECISIONS, ids=[path.stem for path in DECISIONS])
def test_decision_has_its_shape(decision):
    """A title, then Decision, and Why, Tried and Figures as far as there is something to say, in that order."""
    text = decision.read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    order = ["Decision", "Why", "Tried", "Figures"]
    assert text.startswith("# ")
    assert headings[0] == "Decision"
    assert headings == [name for name in order if name in headings]
