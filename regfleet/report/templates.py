"""Finding the templates, the user's own first, and the one place where names become markup."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count, number, seed_list, short
from regfleet.report import tokens
from regfleet.text import bounded, capital, printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MOST_NAME, MOST_TEXT = 500, 100_000
"""Characters of a name and of any other text on a page, a study file for one."""
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]{0,30}[a-z]\b")


def default_folder() -> Path:
    """The templates inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


def environment(templates: Path | None = None) -> Environment:
    """A strict, escaping environment; a file in ``templates`` stands in for ours of the same name.

    Raises InputError when ``templates`` is no folder, and later for every mistake in one of its files.
    """
    if templates is None:
        return _ours()
    if not templates.is_dir():
        raise InputError(f"--templates: expected a folder of templates; got {str(templates)!r}")
    return _environment(templates)


@functools.cache
def _ours() -> Environment:
    """The environment of our templates alone, which keeps them compiled: that takes as long as a small page."""
    return _environment(None)


def _environment(templates: Path | None) -> Environment:
    from jinja2 import StrictUndefined

    from regfleet.report.sandbox import Sandbox

    made = Sandbox(
        templates,
        default_folder(),
        finalize=_finalized,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_function"] = _json
    made.filters |= {
        "short": short,
        "name": name,
        "number": number,
        "count": count,
        "seeds": seed_list,
        "printable": printable,
        "clean": printable,  # its name in templates of before
        "capital": capital,
        "prose": prose,
    }
    return made


def _finalized(value: Any) -> Any:
    """What an expression gives, as the page may hold it; markup was made from such text."""
    return bounded(value, MOST_TEXT) if type(value) is str else value


def _json(value: Any, **settings: Any) -> str:
    """The JSON that a page embeds, with texts as the page may hold them."""
    return json.dumps(_embedded(value), **settings)


def _embedded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _embedded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_embedded(item) for item in value]
    return bounded(value) if isinstance(value, str) else value


def name(text: str) -> Markup:
    """A name from outside as isolated, escaped text; no line breaks inside ``λ = 0.01`` or ``(rate 0.2``."""
    from markupsafe import Markup

    together = re.sub(r"(\(\w+) (?=\d)", "\\1\u00a0", bounded(text, MOST_NAME).replace(" = ", "\u00a0=\u00a0"))
    return Markup("<bdi>{}</bdi>").format(together)


def prose(text: str) -> Markup:
    """A sentence or a command from outside, escaped, whose ``--flags`` no line end breaks after a dash."""
    from markupsafe import Markup, escape

    escaped = str(escape(bounded(text, MOST_TEXT)))
    return Markup(_FLAG.sub(r'<span class="flag">\g<0></span>', escaped))  # noqa: S704 - the span is ours


def sentence(text: str, *emphasised: str) -> Markup:
    """A sentence from outside, escaped, with the ``emphasised`` name in bold that comes first, the longest there."""
    from markupsafe import Markup, escape

    text = bounded(text)
    found = [(text.find(name), -len(name), name) for name in map(printable, emphasised) if name and name in text]
    if not found:
        return escape(text)
    before, name, after = text.partition(min(found)[2])
    return Markup("{}<strong><bdi>{}</bdi></strong>{}").format(before, name, after)


def assets(made: Environment, script: str, *styles: str) -> dict[str, Any]:
    """What every page holds: our colours, the style sheets, the script on short lines, and its hash for the policy."""
    from markupsafe import Markup

    code = "\n".join(line.strip() for line in _source(made, script).splitlines())
    return {
        "tokens": Markup(tokens.style_sheet()),  # noqa: S704 - our own table of colours
        "style": Markup("".join(_source(made, style) for style in styles)),  # noqa: S704 - files of the templates
        "script": Markup(code),  # noqa: S704 - a file of the templates
        "script_hash": base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
    }


def _source(made: Environment, file: str) -> str:
    """The text of a template file as it stands."""
    return made.loader.get_source(made, file)[0] if made.loader else ""
