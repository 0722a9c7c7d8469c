"""What the site has besides docs/*.md: generated pages, documents of the repository, and the reports that git keeps."""

import inspect
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import regfleet
from regfleet.cli.app import COMMANDS
from regfleet.cli.options import built
from regfleet.report import publish

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
GENERATED = DOCS / "generated"
COPIED = {
    ROOT / "ARCHITECTURE.md": "architecture.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "SECURITY.md": "security.md",
    ROOT / "examples" / "README.md": "examples.md",
}
"""Documents that stand elsewhere in the repository, and the page that each becomes."""
WRITTEN = "Written by: python docs/pages.py"
_MENDED = {
    'role="heading"><span class="caption-text"': 'role="heading" aria-level="2"><span class="caption-text"',
    '<aside class="sidebar-drawer"': '<aside aria-label="All pages" class="sidebar-drawer"',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    "<th></th>": "<td></td>",
    "</strong> -- ": "</strong>: ",
    '<div id="search-results"></div>': '<h1>Search</h1><div id="search-results"> </div>',
}
"""What theme, builder and pandas leave out that a screen reader asks for; and a dash that is none."""
_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls: pages are written before it reads, links led right while it does, files copied at the end."""
    app.connect("config-inited", lambda *_: write_pages())
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _settings, priority=400)  # before napoleon reads the sections
    app.connect("doctree-resolved", _resolve)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": False}


def write_pages() -> None:
    """Write the pages that are generated; a file that would not change keeps its time."""
    GENERATED.mkdir(exist_ok=True)
    pages = {DOCS / "commands.md": commands_page(), DOCS / "columns.md": columns_page()}
    for path, name in COPIED.items():
        pages[GENERATED / name] = relinked(path.read_text(encoding="utf-8"), path)
    for path, text in pages.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def commands_page() -> str:
    """Every command as its help says it."""
    lines = ["# Commands", "", f"<!-- {WRITTEN} -->", "", "What `regfleet COMMAND --help` says of each."]
    lines += ["[Exit codes](troubleshooting.md#exit-codes).", ""]
    for name, function in COMMANDS.items():
        command = built(function, name)
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        words = [f"{one.name.upper()}{'…' * (one.nargs == -1)}" for one in arguments]
        usage = [word if one.required else f"[{word}]" for word, one in zip(words, arguments, strict=True)]
        lines += [f"## {name}", "", f"`{' '.join(['regfleet', name, '[FLAGS]', *usage])}`", ""]
        lines += [_prose(command.help), ""]
        if any(one.help for one in arguments):
            lines += ["| argument | what it is |", "|---|---|"]
            lines += [f"| `{word}` | {_cell(one.help)} |" for word, one in zip(words, arguments, strict=True)]
            lines.append("")
        for panel, options in _panels(command).items():
            lines += [f"| {panel} | what it does |", "|---|---|", *map(_option, options), ""]
    return "\n".join(lines).rstrip() + "\n"


def columns_page() -> str:
    """The columns of the three kinds of Parquet files; those that differ in a prefix alone stand in one row."""
    lines = ["# Columns", "", f"<!-- {WRITTEN} -->", ""]
    lines += ["What the Parquet files of a [results directory](results.md) and the frames of Python hold."]
    tables = {
        "trials": regfleet.TRIAL_FIELDS,
        "histories": regfleet.HISTORY_FIELDS,
        "predictions": regfleet.PREDICTION_FIELDS,
    }
    for name, fields in tables.items():
        lines += ["", f"## {name}", "", "| column | what it is |", "|---|---|"]
        alike: dict[str, list[str]] = {}
        for column, text in fields.items():
            alike.setdefault(text, []).append(column)
        lines += [f"| {' '.join(f'`{column}`' for column in names)} | {_cell(text)} |" for text, names in alike.items()]
    return "\n".join(lines) + "\n"


def relinked(text: str, path: Path) -> str:
    """The Markdown at ``path`` with each link to a file of the repository led to where the site has it."""

    def led(found: re.Match[str]) -> str:
        target = (path.parent / found[1]).resolve()
        return f"]({_place(target)}{found[2] or ''})" if target.is_relative_to(ROOT) else found[0]

    return _LINK.sub(led, text)


def _place(target: Path) -> str:
    if target in COPIED:
        return f"/generated/{COPIED[target]}"
    if target == ROOT / "README.md":
        return "/index.md"
    if target.is_dir() and (target / "README.md").is_file():
        return _place(target / "README.md")
    if target.is_relative_to(DOCS):
        return f"/{target.relative_to(DOCS)}"
    return f"site:{target.relative_to(ROOT)}"


def _panels(command: Any) -> Mapping[str, list[Any]]:
    panels: dict[str, list[Any]] = {}
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden and one.name != "help":
            panels.setdefault(getattr(one, "rich_help_panel", None) or "Options", []).append(one)
    return panels


def _option(one: Any) -> str:
    names = ", ".join(f"`{name}`" for name in one.opts)
    value = "" if one.is_flag or not one.metavar else f" `{one.metavar}`".replace("|", r"\|")
    return f"| {names}{value} | {_cell(one.help)}{f'; also {one.envvar}' if one.envvar else ''} |"


def _cell(text: str | None) -> str:
    return _literal(" ".join((text or "").split())).replace("|", r"\|")


def _prose(text: str | None) -> str:
    """A command's help, without the mark that keeps Typer from wrapping the lines of an example."""
    return _literal(inspect.cleandoc(text or "").replace("\b\n", ""))


def _literal(text: str) -> str:
    """What Markdown would take for markup stays what was typed."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _settings(_app: Any, _what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """The section of a docstring that regfleet writes, under a title of one word as napoleon wants it."""
    lines[:] = ["Settings:" if line == "Settings, None for the default:" else line for line in lines]


def _read(app: Any, docname: str, content: list[str]) -> None:
    """Lead the links of a page right, and give the index of decisions its order."""
    path = Path(app.env.doc2path(docname))
    if path.parent != GENERATED:
        content[0] = relinked(content[0], path.resolve())
    if docname == "decisions/README":
        content[0] += "\n:::{toctree}\n:hidden:\n:glob:\n\n*\n:::\n"


def _resolve(app: Any, doctree: Any, docname: str) -> None:
    """Links to files beside the pages, relative to the page that they stand on; those files are remembered."""
    from docutils import nodes

    for node in doctree.findall(nodes.reference):
        if node.get("refuri", "").startswith("site:"):
            place = node["refuri"].removeprefix("site:")
            app.env.__dict__.setdefault("site_files", set()).add(place.partition("#")[0])
            here = Path(app.builder.get_target_uri(docname)).parent
            node["refuri"] = os.path.relpath(place, here)


def _finish(app: Any, problem: Exception | None) -> None:
    """Publish the reports that git keeps, and copy the other files that pages link to."""
    if problem or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for path in out.rglob("*.html"):
        if not path.is_relative_to(out / "reports"):
            text = path.read_text(encoding="utf-8")
            for there, better in _MENDED.items():
                text = text.replace(there, better)
            path.write_text(text, encoding="utf-8")
    publish.publish(sorted(path.parent for path in (ROOT / "reports").glob("*/report.html")), out / "reports")
    for name in sorted(getattr(app.env, "site_files", ())):
        if not name.startswith("reports/"):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, out / name)


if __name__ == "__main__":
    write_pages()
