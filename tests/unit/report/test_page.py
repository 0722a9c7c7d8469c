"""The report as a file: what it says, that it is safe, small and the same every time. No browser needed."""

import json
import math
import re
from dataclasses import replace
from html import unescape

import pytest

from regfleet.analysis.variant import Interval
from regfleet.errors import InputError
from regfleet.report import get_ready, render
from regfleet.report.templates import default_folder, environment
from regfleet.report.verdicts import gap_sentence


@pytest.fixture(scope="module")
def source(rendered):
    """The article's study as HTML."""
    return rendered("nine")


@pytest.fixture(scope="module")
def page(parse, source):
    """The same, parsed."""
    return parse(source)


def test_parts_of_the_page_are_compiled_ahead():
    """Whoever has a moment to spare has each of them compiled, and nothing goes wrong unseen."""
    get_ready()
    compiled = {name for _, name in environment().cache.keys()}  # noqa: SIM118 - Jinja's cache iterates otherwise
    assert {file.name for file in default_folder().glob("_*.j2")} - compiled == set()


def test_the_sections_stand_in_order(page):
    """Verdict, leaderboard, differences, choice, curves, gap, claims, failures, method, reproduction: in this order."""
    order = [
        "verdict",
        "leaderboard",
        "differences",
        "choice",
        "curves",
        "gap",
        "claims",
        "failures",
        "method",
        "reproduce",
    ]
    assert [attrs["id"] for tag, attrs in page.tags if tag == "section"] == order


def test_the_verdict_is_the_analysis(page, nine):
    """The sentences come from the analysis, word for word."""
    for sentence in nine.summary.datasets[0].headline:
        assert " ".join(sentence.split()) in page.text  # whatever spaces they have


def test_ids_are_unique_and_links_lead_somewhere(page):
    """Every id occurs once, and every inner link and reference has its target."""
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    targets = {href[1:] for href in page.values("href") if href.startswith("#")}
    targets |= {part for value in page.values("aria-labelledby") for part in value.split()}
    targets |= set(page.values("for"))
    targets |= set(re.findall(r"url\(#([^)]+)\)", " ".join(page.values("clip-path"))))
    assert targets <= set(ids)


def test_nothing_comes_from_elsewhere(source, page):
    """No address but data: and anchors, and no source of anything."""
    for name in ("src", "srcset", "action", "poster", "data", "xlink:href"):
        assert not page.values(name)
    assert all(href.startswith(("#", "data:text/csv")) for href in page.values("href"))
    assert "@import" not in source
    assert not re.search(r"url\((?!#)", source)


def test_the_policy_allows_exactly_our_script(page):
    """One script may run, and its hash is the policy's; all else is forbidden."""
    import base64
    import hashlib

    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    run = [text for tag, attrs, text in page.scripts if tag == "script" and attrs.get("type") != "application/json"]
    assert len(run) == 1
    digest = base64.b64encode(hashlib.sha256(run[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert len(run[0].encode()) <= 6000


def test_the_leaderboard_shows_every_variant_with_its_own_control(page, nine):
    """Each variant is a row with its verdict, and with two controls each row names its own."""
    for row in nine.summary.datasets[0].variants:
        assert row.label in page.text.replace("\u00a0", " ")
    assert page.text.count("No regularization, batch 32") >= 2 + 2


def test_deep_links_are_made_of_names(page):
    """A variant's row and card keep their address when ranks change."""
    assert {"row-l2-0.01-all", "card-l2-0.01-all"} <= set(page.values("id"))


@pytest.mark.parametrize(
    ("gap", "change", "words"),
    [
        (
            (0.10, 0.06, 0.14),
            (-0.05, -0.08, -0.02),
            "No regularization memorizes: .* 10.0 points above .* cuts that gap to",
        ),
        ((0.10, 0.06, 0.14), (0.00, -0.03, 0.03), "leaves that gap at"),
        ((0.10, 0.06, 0.14), (0.04, 0.01, 0.07), "widens that gap to"),
        ((0.02, -0.01, 0.05), (0.0, -0.1, 0.1), "no clear sign of memorizing: .* 2.0 points above"),
        ((-0.02, -0.05, 0.01), (0.0, -0.1, 0.1), "2.0 points below"),
        ((0.02, math.nan, math.nan), (0.0, -0.1, 0.1), "^$"),
    ],
)
def test_the_gap_is_told_by_its_interval(nine, gap, change, words):
    """Only an interval above zero is called memorizing, and only one off zero a change."""
    data = nine.summary.datasets[0]
    rows = [replace(row, gap=Interval(*gap)) if row.name == "none" else row for row in data.variants]
    best = next(row for row in rows if row.name == "dropout(0.5)@first")
    told = gap_sentence(replace(data, variants=tuple(rows)), replace(best, gap_change=Interval(*change)))
    assert re.search(words, told)


@pytest.fixture(scope="module")
def small(make_study, article):
    """A study of two variants, whose page is drawn in no time."""
    return make_study(seeds=2, epochs=5, entries=article()[:2])


def test_claims_stand_beside_results(parse, page, small):
    """The article's seven claims are quoted; another study has no such section."""
    assert "jumped from 92 to 94" in page.text
    assert page.text.count("97 %") == 2
    other = parse(render(replace(small, facts=replace(small.facts, article=False))))
    assert "claims" not in other.values("id")


def test_failures_are_counted_grouped_and_retried(page, nine):
    """The count comes first, then reason and seeds, the traceback, and the command that retries."""
    assert "7 trials of 100 were lost" in page.text
    assert "MemoryError: cannot <allocate>" in page.text
    assert 'File "<x>"' in page.text
    assert nine.facts.command in page.text
    assert "Complete, with 7 failed trials" in page.text


def test_two_renders_are_the_same_bytes_within_the_budgets(source, nine):
    """The same records give the same file, of 600 kB and 40 figures at most: drawing takes most of the time."""
    assert len(source.encode()) <= 600_000
    assert source.count('<svg class="plate"') <= 40
    assert render(nine) == source


def test_hostile_names_are_shown_literally(parse, rendered, hostile_names):
    """No name becomes markup, script, template or link; each can be read as it is, direction controls written out."""
    source = rendered("with_hostile_names")
    page = parse(source)
    assert len(page.values("id")) == len(set(page.values("id")))
    clean = [name.replace("\u202e", r"\u202e").replace(" = ", "\u00a0=\u00a0") for name in hostile_names]
    rows = page.text
    for name in clean:
        assert " ".join(name.split()) in rows
    assert "\u202e" not in source
    assert [tag for tag, _ in page.tags].count("img") == 0
    assert len([1 for tag, attrs, _ in page.scripts if tag == "script" and "type" not in attrs]) == 1
    assert not any(href.startswith("javascript") for href in page.values("href"))
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", source)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_embedded_data_is_json_without_nan(page, nine):
    """What the script reads is strict JSON: integers and null, as many variants as have curves."""
    blocks = [text for tag, attrs, text in page.scripts if attrs.get("type") == "application/json"]
    overlay, entry = (json.loads(text, parse_constant=pytest.fail) for text in blocks)
    assert len(overlay["variants"]) == 10
    first = overlay["variants"][0]
    best = max((row for row in nine.summary.datasets[0].variants if row.curves), key=lambda row: row.score.mean)
    assert first["label"] == best.label
    assert first["values"][0][0][-1] == round(1000 * best.curves["val_accuracy"].mean[-1])
    assert entry["datasets"][0]["verdict"] == nine.summary.datasets[0].headline[0]


def test_numbers_of_the_table_are_those_of_the_summary(source, nine):
    """A row's score, difference and interval are the summary's, rounded once."""
    row = next(row for row in nine.summary.datasets[0].variants if row.name == "dropout(0.5)@first")
    cells = re.search(r'<tr id="row-[^"]+"[^>]*>(?:(?!</tr>).)*Dropout, first layer.*?</tr>', source, re.DOTALL)[0]
    texts = [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL)]
    assert texts[1].startswith(f"{100 * row.score.mean:.1f}")
    difference = row.comparison.difference
    assert texts[2].replace("\u2212", "-") == (
        f"{100 * difference.mean:+.1f}{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    )


def test_own_templates_stand_in_for_ours(small, tmp_path):
    """A file in the user's folder replaces ours of that name; all that the documentation lists is there to use."""
    listed = re.findall(
        r"^\| ((?:`\w+`,? ?)+) \|", (templates() / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    names = [name for cell in listed for name in re.findall(r"`([a-z]\w+)`", cell)]
    assert len(names) >= 20
    body = "".join(f"<li>{name}={{{{ {name} is defined }}}}</li>" for name in names)
    (tmp_path / "report.html.j2").write_text(f"<ul>{body}</ul>", encoding="utf-8")
    assert render(small, tmp_path) == "<ul>" + "".join(f"<li>{name}=True</li>" for name in names) + "</ul>"
    (tmp_path / "report.html.j2").write_text("{{ no_such_name }}", encoding="utf-8")
    with pytest.raises(InputError, match=rf"--templates: .*{tmp_path}/report.html.j2:1: 'no_such_name' is undefined"):
        render(small, tmp_path)


def test_no_text_makes_the_page_large(nine):
    """A thousand long errors, each another, and an endless command: the page stays below a megabyte, and says so."""
    failure = nine.failures[0]
    lost = tuple(replace(failure, seed=n, error=f"{n} " * 9000, traceback=f"{n} " * 9000) for n in range(1000))
    facts = replace(nine.facts, command="x" * 10**7, notes=("y" * 10**7,), model="z\udcff" * 10**6)
    source = render(replace(nine, failures=lost, facts=facts))
    assert len(source.encode()) <= 1_500_000
    assert "950 trials more, each for another reason" in source


def templates():
    """The folder of our templates."""
    from regfleet.report.templates import default_folder

    return default_folder()


def test_a_missing_templates_folder_is_an_input_error(nine, tmp_path):
    """The message names the flag and what was given."""
    with pytest.raises(InputError, match=r"--templates: expected a folder of templates; got .*nowhere"):
        render(nine, tmp_path / "nowhere")
