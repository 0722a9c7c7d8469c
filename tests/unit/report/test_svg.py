"""Figures as inline SVG."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from regfleet.report.figures import FIGURES
from regfleet.report.figures.forest import swarm
from regfleet.report.figures.style import Plate, canvas, spread_apart, styled, thin, write
from regfleet.report.svg import compact_path, inline
from regfleet.report.tokens import LIGHT


def absolute(data):
    """The corners of a compact path of m, l, h and z, by a parser of its own."""
    corners, x, y = [], 0.0, 0.0
    for command, rest in re.findall(r"([mlhz])([^mlhz]*)", data):
        numbers = [float(part) for part in re.findall(r"-?(?:\d+\.\d+|\.\d+|\d+)", rest)]
        steps = [(dx, 0.0) for dx in numbers] if command == "h" else zip(numbers[::2], numbers[1::2], strict=True)
        for dx, dy in steps:
            x, y = x + dx, y + dy
            corners.append((round(x, 1), round(y, 1)))
    return corners


def test_compact_paths_keep_every_corner_to_a_tenth():
    """A thousand small steps end where they should: rounding does not add up."""
    points = [(0.333 * step, 100 - 0.0777 * step) for step in range(1000)]
    data = "M " + " L ".join(f"{x:.6f} {y:.6f}" for x, y in points)
    corners = absolute(compact_path(data))
    expected = [(round(x, 1), round(y, 1)) for x, y in points]
    assert corners[0] == expected[0]
    assert corners[-1] == pytest.approx(expected[-1], abs=0.051)
    distances = [min(abs(cx - x) + abs(cy - y) for cx, cy in corners) for x, y in points]
    assert max(distances) <= 0.2


def test_compact_paths_keep_dots():
    """A subpath of no length stays, since its round ends are a dot."""
    assert compact_path("M 1 2 L 1 2 M 3.04 2 L 3.04 2") == "m1 2l0 0m2 0l0 0"


def test_compact_paths_close_and_go_on_from_the_start():
    """After a closed shape the next one is placed from where the shape began."""
    assert compact_path("M 1 1 L 2 1 L 2 2 z M 5 5 L 6 5") == "m1 1h1l0 1zm4 4h1"


@styled
def plate(text):
    """A small figure with a line in a role's colour and a text."""
    figure, axes = canvas(200, 100, left=20, right=20, top=5, bottom=20)
    axes.plot([0, 1], [0, 1], color=LIGHT["train"])
    write(axes, 0, 0.5, text)
    return Plate("small", text, f"about {text}", figure)


def test_inline_svg_is_accessible_and_themable():
    """Role, title and description are there; colours are tokens; no style sheet, font or size of its own leaks."""
    svg = str(inline(plate("hello"), "p-"))
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "p-small-t p-small-d"
    assert {root[0].tag, root[1].tag} == {"title", "desc"}
    assert f"var(--train,{LIGHT['train']})" in svg
    for leak in ("<style", "<metadata", "font-family", "DejaVu", "xlink", "xmlns", "pt;"):
        assert leak not in svg
    assert set(root.keys()) == {"class", "viewBox", "role", "aria-labelledby"}


@pytest.mark.parametrize("text", [r"$\frac{1}{0}$", "<b>&amp;</b>", "_leading", "正則化 🔥 تنظيم", "a\u202eb"])
def test_texts_of_figures_are_literal(text):
    """Mathematics, markup and any script arrive as they are, controls made visible, and without a warning."""
    root = ET.fromstring(str(inline(plate(text), "")))
    texts = ["".join(node.itertext()) for node in root.iter() if node.tag in {"text", "title"}]
    assert texts.count(text.replace("\u202e", r"\u202e")) == 2


def test_the_same_figure_gives_the_same_svg(nine):
    """Drawing twice gives the same bytes."""
    dataset = nine.summary.datasets[0]
    first, second = (
        [str(inline(one, "d-")) for drawing in FIGURES[:1] for one in drawing.draw(dataset, nine.summary)]
        for _ in range(2)
    )
    assert first == second


def test_figures_leave_matplotlib_settings_alone():
    """Drawing changes no global setting."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    inline(plate("x"), "")
    assert dict(mpl.rcParams) == before


def test_labels_are_pushed_apart_and_stay_inside():
    """Close labels move at least the distance asked, keep their order and their limits."""
    moved = spread_apart([0.5, 0.5, 0.52, 0.99], 0.1, 0.0, 1.0)
    assert sorted(moved) == moved
    assert min(b - a for a, b in itertools.pairwise(moved)) >= 0.1 - 1e-12
    assert max(moved) <= 1.0


def test_thinning_keeps_both_ends():
    """The first and the last epoch survive; few points stay as they are."""
    assert thin(5, 10) == [0, 1, 2, 3, 4]
    indices = thin(351, 175)
    assert (indices[0], indices[-1]) == (0, 350)
    assert len(indices) <= 176


def test_level_steps_are_joined():
    """A flat piece of a curve is one step, and a turn back is another."""
    assert compact_path("M 0 0 L 1 0 L 2.5 0 L 2 0 L 2 1") == "m0 0h2.5h-.5l0 1"


def test_a_thousand_seeds_become_at_most_two_hundred_dots():
    """Dots are thinned, and the extremes stay."""
    dots = swarm([value / 999 for value in range(1000)], 0.01)
    assert len(dots) <= 201
    assert (dots[0][0], dots[-1][0]) == (0.0, 1.0)
    assert all(0 <= height <= 1 for _, height in dots)


def test_ties_are_stacked_and_grow_sideways_where_there_is_room():
    """Ten equal seeds far from all others make three columns; between close neighbours they stay in one."""
    alone = swarm([0.0] * 10 + [1.0], 0.01)
    assert [x for x, height in alone if height == 0.0] == pytest.approx([-0.01, 0.0, 0.01, 1.0])
    assert len({(round(x, 4), round(y, 4)) for x, y in alone}) == 11
    crowded = swarm([0.0, *[0.01] * 10, 0.02], 0.01)
    assert {x for x, _ in crowded} == {0.0, 0.01, 0.02}
