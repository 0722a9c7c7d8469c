"""Templates of the user's own: what they may read, that they end, and what is said of a mistake."""

import os
import re

import pytest

from regfleet.errors import InputError
from regfleet.report import sandbox
from regfleet.report.templates import environment

DEEP = 5000
DOUBLED = """{% set n = namespace(a=1, b=1) %}{% for i in range(60) %}{% set n.a = [n.a] * 2 %}{% set n.b = [n.b] * 2 %}
{% endfor %}{{ n.a == n.b }}"""


@pytest.fixture
def refused(nine, tmp_path):
    """The function that renders a header of the user's own, which must be refused: the line."""

    def rendered(text):
        (tmp_path / "_header.html.j2").write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as told:
            environment(tmp_path).get_template("_header.html.j2").render(facts=nine.facts)
        return str(told.value).replace(str(tmp_path), "MINE")

    return rendered


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a\n{{ nope }}", "_header.html.j2:2", "'nope' is undefined"),
        ("\n\n{{ facts.nope }}", "_header.html.j2:3", "has no attribute 'nope'"),
        ("a\n{% if %}", "_header.html.j2:2", "Expected an expression"),
        ("{% for x in y %}", "_header.html.j2:1", "Unexpected end of template"),
        ("\n{{ 1 + 'a' }}", "_header.html.j2:2", "unsupported operand"),
        ("{{ 1|nosuch }}", "_header.html.j2:1", "No filter named 'nosuch'"),
        ("{{ 5|name }}", "_header.html.j2:1", "object"),
        ("\n{% include 'nosuch' %}", "_header.html.j2:2", "no template nosuch"),
        ("{% include '_header.html.j2' %}", "_header.html.j2:1", "call themselves for ever"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "_header.html.j2:1", "call themselves for ever"),
        ("{{ " + "(" * DEEP + "1" + ")" * DEEP + " }}", "_header.html.j2:1", "recursion"),
        ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "_header.html.j2:1", "nested blocks"),
    ],
)
def test_a_mistake_is_a_line_with_its_place(refused, text, place, words):
    """File and line of the template, and what is wrong there."""
    line = refused(text)
    assert line.startswith(f"--templates: expected what makes a page; got MINE/{place}: ")
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ facts.provenance.parse_raw('x', proto='pickle', allow_pickle=True) }}",
        "{{ facts.provenance.parse_file('/etc/passwd') }}",
        "{{ facts.provenance.model_dump() }}",
        "{{ [].append(1) }}",
        "{% set x = self %}{{ x._TemplateReference__context }}",
    ],
)
def test_no_code_can_be_reached(refused, text):
    """Neither Python's own attributes nor a method of an object that the page shows."""
    assert re.search("unsafe", refused(text))


def test_no_file_outside_the_folder_is_read(refused, tmp_path, tmp_path_factory):
    """Neither by .., nor by an absolute path, nor through a link to a file or to a folder."""
    other = tmp_path_factory.mktemp("other")
    (other / "secret").write_text("hunter2")
    (tmp_path / "link").symlink_to(other / "secret")
    (tmp_path / "folder").symlink_to(other)
    for name in (f"../{other.name}/secret", str(other / "secret"), "link", "folder/secret"):
        line = refused(f"{{% include '{name}' %}}")
        assert "no template" in line or "a link out of it" in line
        assert "hunter2" not in line


def test_what_is_no_readable_file_is_refused(refused, tmp_path):
    """A pipe, which would be waited for, a folder, and bytes that are no UTF-8."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, words in (("pipe", "a pipe"), ("folder", "a folder"), ("bytes", "no UTF-8 text")):
        assert words in refused(f"{{% include '{name}' %}}")


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ lipsum(n=10**9) }}",
        "{% set n = namespace(x=10**1000) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "{% for a in range(10**9) %}{% endfor %}",
        "{% set n = 10**9 %}{{ n ** n }}",
        "{{ 'a' * 10**11 }}",
        "{{ '{:100000000000}'.format(1) }}",
        "{{ 'a'|center(10**11) }}",
        DOUBLED,
    ],
)
def test_every_template_ends(refused, monkeypatch, text):
    """Loops and what grows without end are cut off, and the line says at which limit."""
    monkeypatch.setattr(sandbox, "SECONDS", 0.3)
    assert re.search(r"no end within 0.3 s|Range too big|so many digits|more memory than 2 GB", refused(text))
