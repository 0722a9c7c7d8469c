"""The documentation site and what a release takes along: generated pages are fresh, and what is said is there."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import regfleet

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def loaded(path):
    """A script of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands", "columns"])
def test_generated_pages_are_what_their_script_writes(name):
    """docs/commands.md and docs/columns.md are written by the command in their third line."""
    assert (DOCS / f"{name}.md").read_text() == getattr(loaded(DOCS / "pages.py"), f"{name}_page")()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_its_cells_give(path):
    """It was run since its code was changed, without an error; docs/notebooks/execute.py does that."""
    notebook = json.loads(path.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert notebook["metadata"]["regfleet"] == loaded(DOCS / "notebooks" / "execute.py").fingerprint(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell["outputs"] for cell in cells)
    assert not any(one["output_type"] == "error" for cell in cells for one in cell["outputs"])


def test_every_page_has_its_place_in_the_order():
    """docs/index.md names each page, by itself or by a pattern."""
    order = re.findall(r"^([\w/*-]+)$", (DOCS / "index.md").read_text(), re.MULTILINE)
    pages = [path for path in DOCS.glob("*.md") if path.stem != "index"] + NOTEBOOKS
    assert len(pages) > 20
    assert [path for path in pages if not any(path.relative_to(DOCS).with_suffix("").match(one) for one in order)] == []


def test_troubleshooting_has_messages_that_there_are():
    """What stands in a title is in the code, between what differs: a message that was reworded is missed here."""
    titles = re.findall(r"^### `(.*)`$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(titles) > 30
    joined = [re.sub(r'"\s+f?"', "", path.read_text()) for path in (ROOT / "regfleet").rglob("*.py")]
    texts = [re.sub(r"\{[^{}\n]*\}", "…", text) for text in joined]
    told = [".*".join(re.escape(part.strip()) for part in title.split("…")) for title in titles]
    assert [one for one in told if not any(re.search(one, text) for text in texts)] == []


def test_the_versions_agree():
    """The package, the citation and the newest part of the list of changes say one version."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (newest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert regfleet.__version__ == citation["version"] == newest
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "license"} <= set(citation)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_their_host_asks(path):
    """Name, description and body, whose fields have labels and ids of their own; dropdowns and the like have none."""
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert set(form) == {"blank_issues_enabled"}
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in fields} <= {"input", "textarea", "checkboxes"}
    assert all(one["attributes"]["label"] for one in fields)
    ids = [one["id"] for one in fields]
    assert len(set(ids)) == len(ids) >= 3


def test_the_workflow_gives_commands_that_stand_elsewhere():
    """It installs an extra that exists, and builds as the page that says how."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "docs.yml").read_text())
    (*_,) = commands = [step["run"] for step in workflow["jobs"]["build"]["steps"] if "run" in step]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert re.search(r"'\.\[(\w+)\]'", commands[0])[1] in extras
    for place in re.findall(r"(?:docs|examples)/[\w/]+\.\w+|\b[A-Z]+\.md", " ".join(commands)):
        assert (ROOT / place).exists(), place
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert all(command in contributing for command in commands[2:])
