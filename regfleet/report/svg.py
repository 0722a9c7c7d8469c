"""A matplotlib figure as inline SVG that follows the page's theme, speaks to screen readers and stays small."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from html import escape
from typing import TYPE_CHECKING

from regfleet.report import tokens
from regfleet.report.figures.style import styled
from regfleet.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from regfleet.report.figures.style import Plate

_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_HREF = "{http://www.w3.org/1999/xlink}href"
_SIZES = {"M": 2, "L": 2, "C": 6, "Q": 4, "z": 0}
_STYLE_DEFAULTS = {
    "stroke-dashoffset: 0",
    "stroke-linejoin: miter",
    "stroke-linecap: butt",
    "stroke-linecap: square",
    "opacity: 1",
    "font-size: 11px",  # that of the style sheet
}


@styled
def save(plate: Plate, form: str) -> bytes:
    """The figure as a file of its own; ``form`` is svg or pdf. The same figure gives the same bytes."""
    file = io.BytesIO()
    metadata = _NO_METADATA if form == "svg" else {"CreationDate": None, "Title": printable(plate.title)}
    plate.figure.savefig(file, format=form, metadata=metadata)
    return file.getvalue()


def inline(plate: Plate, prefix: str) -> Markup:
    """``<svg role="img">`` with title and description; ``prefix`` keeps its ids unique in the page."""
    from markupsafe import Markup

    # Not untrusted: matplotlib wrote it a line above.
    root = ET.fromstring(save(plate, "svg"))  # noqa: S314
    name = f"{prefix}{plate.name}"
    page = _Page(name, {element.get("id", ""): element for element in root.iter()})
    body = "".join(page.emit(root, 0.0, 0.0))
    title, description = (escape(printable(text), quote=False) for text in (plate.title, plate.description))
    return Markup(  # noqa: S704 - every text in it went through escape
        f'<svg class="plate" viewBox="{root.get("viewBox")}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>{body}</svg>'
    )


class _Page:
    """One figure on its way to inline SVG: ids renamed, markers resolved, styles shortened."""

    def __init__(self, name: str, elements: dict[str, ET.Element]) -> None:
        self.name = name
        self.elements = elements
        self.clips: dict[str, str] = {}

    def emit(self, element: ET.Element, x: float, y: float) -> Iterator[str]:
        """The element's children, drawn from (``x``, ``y``)."""
        for child in element:
            tag = child.tag.rpartition("}")[2]
            if tag in {"g", "svg"}:
                inside = "".join(self.emit(child, x, y))
                clip = self._clip(child)
                yield f"<g{clip}>{inside}</g>" if clip and inside else inside
            elif tag == "use":
                target = self.elements[child.get(_HREF, "")[1:]]
                yield self._path(target, float(child.get("x", 0)), float(child.get("y", 0)), child)
            elif tag == "path":
                yield self._path(child, x, y, child)
            elif tag == "text":
                yield self._text(child)
            elif tag == "defs":
                yield from self._clip_paths(child)

    def _path(self, shape: ET.Element, x: float, y: float, styled_by: ET.Element) -> str:
        data = compact_path(shape.get("d", ""), x, y)
        # matplotlib draws the page's own white ground; the page has one.
        if not data or styled_by.get("style") == "fill: none":
            return ""
        return f'<path d="{data}"{self._clip(styled_by)}{_style(styled_by)}/>'

    def _text(self, text: ET.Element) -> str:
        turn = text.get("transform", "")
        place = f' transform="{turn}"' if "translate" in turn else _point(text)
        return f"<text{place}{_style(text)}>{escape(printable(text.text or ''), quote=False)}</text>"

    def _clip(self, element: ET.Element) -> str:
        reference = re.fullmatch(r"url\(#(.+)\)", element.get("clip-path", ""))
        return f' clip-path="url(#{self._clip_name(reference[1])})"' if reference else ""

    def _clip_name(self, name: str) -> str:
        return self.clips.setdefault(name, f"{self.name}-c{len(self.clips)}")

    def _clip_paths(self, defs: ET.Element) -> Iterator[str]:
        for clip in defs:
            if clip.tag.endswith("clipPath"):
                box = " ".join(
                    f'{key}="{_short(round(10 * float(clip[0].get(key, "0"))))}"'
                    for key in ("x", "y", "width", "height")
                )
                yield f'<clipPath id="{self._clip_name(clip.get("id", ""))}"><rect {box}/></clipPath>'


def compact_path(data: str, x: float = 0.0, y: float = 0.0) -> str:
    """A path of absolute M, L, C, Q and z moved by (``x``, ``y``), in relative coordinates of one decimal.

    Steps are differences of rounded positions, so that rounding never adds up along a line; level steps in one
    direction become one.
    """
    steps: list[tuple[str, list[int]]] = []
    here = start = (0, 0)
    for command, numbers in re.findall(r"([MLCQz])([^MLCQz]*)", data):
        values = [float(value) for value in numbers.split()]
        if command == "z":
            steps.append(("z", []))
            here = start
            continue
        size = _SIZES[command]
        for at in range(0, len(values), size):
            points = [(round(10 * (values[i] + x)), round(10 * (values[i + 1] + y))) for i in range(at, at + size, 2)]
            moves = [value for point in points for value in (point[0] - here[0], point[1] - here[1])]
            _append(steps, command.lower(), moves)
            here = points[-1]
            if command == "M":
                start = here
    text, before = "", ""
    for letter, moves in steps:
        text += _joined("" if letter == before == "l" else letter, moves)
        before = letter
    return text


def _append(steps: list[tuple[str, list[int]]], letter: str, moves: list[int]) -> None:
    before, last = steps[-1] if steps else ("", [])
    if letter != "l":
        steps.append((letter, moves))
    elif moves[1] == 0 and moves[0] != 0:
        if before == "h" and last[0] * moves[0] > 0:
            steps[-1] = ("h", [last[0] + moves[0]])
        else:
            steps.append(("h", [moves[0]]))
    elif moves != [0, 0] or before == "m":
        # A step of nothing is left out, but for a subpath that is nothing else: a round dot.
        steps.append(("l", moves))


def _joined(letter: str, tenths: list[int]) -> str:
    text = letter
    for place, value in enumerate(tenths):
        short = _short(value)
        text += short if short.startswith("-") or (place == 0 and letter) else f" {short}"
    return text


def _short(tenths: int) -> str:
    """Tenths as the shortest decimal: 5 → ``.5``, -20 → ``-2``."""
    sign, whole, rest = "-" if tenths < 0 else "", abs(tenths) // 10, abs(tenths) % 10
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{rest}"


def _point(element: ET.Element) -> str:
    return "".join(f' {key}="{_short(round(10 * float(element.get(key, "0"))))}"' for key in ("x", "y"))


def _style(element: ET.Element) -> str:
    kept = []
    for rule in element.get("style", "").split("; "):
        key, _, value = rule.partition(": ")
        if key == "font-family" or rule in _STYLE_DEFAULTS or not value:
            continue
        kept.append(f"{key}:{tokens.variable(value) if tokens.is_token(value) else value}")
    return f' style="{";".join(kept)}"' if kept else ""
