"""The report as a file: what it says, that it is safe, small and the same every time. No browser needed."""

import json
import math
import re
import time
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from regfleet.errors import InputError
from regfleet.records import AnalysisSettings, Curve
from regfleet.report import render
from regfleet.report.tokens import TOKENS


class Page(HTMLParser):
    """What a test asks of a page: tags with attributes, ids, links, scripts, text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.scripts, self.texts, self._inside = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._inside.append(tag)
            self.scripts.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        """Leave a script or a style sheet."""
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        """Keep a text where it belongs."""
        if self._inside:
            self.scripts[-1][2] += data
        else:
            self.texts.append(data)

    def values(self, name):
        """All values of an attribute."""
        return [attrs[name] for _, attrs in self.tags if name in attrs]

    @property
    def text(self):
        """The visible text with single spaces."""
        return " ".join("".join(self.texts).split())


@pytest.fixture(scope="module")
def source(nine):
    """The article's study as HTML."""
    return render(*nine.all)


@pytest.fixture(scope="module")
def page(source):
    """The same, parsed."""
    return Page(source)


def test_the_sections_stand_in_order(page):
    """Verdict, leaderboard, differences, curves, gap, claims, failures, method, reproduction: in this order."""
    order = ["verdict", "leaderboard", "differences", "curves", "gap", "claims", "failures", "method", "reproduce"]
    assert [attrs["id"] for tag, attrs in page.tags if tag == "section"] == order


def test_the_verdict_is_the_analysis(page, nine):
    """The sentences come from the analysis, word for word."""
    for sentence in nine.headlines["iris"]:
        assert sentence in page.text


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


def test_claims_stand_beside_results(page, nine):
    """The article's seven claims are quoted; another study has no such section."""
    assert "jumped from 92 to 94" in page.text
    assert page.text.count("97 %") == 2
    other = Page(render(nine.summary, replace(nine.facts, article=False), *nine.all[2:]))
    assert "claims" not in other.values("id")


def test_failures_are_counted_grouped_and_retried(page, nine):
    """The count comes first, then reason and seeds, the traceback, and the command that retries."""
    assert "7 trials of 100 were lost" in page.text
    assert "MemoryError: cannot <allocate>" in page.text
    assert 'File "<x>"' in page.text
    assert nine.facts.command in page.text
    assert "Complete, with 7 failed trials" in page.text


def test_two_renders_are_the_same_bytes(source, nine):
    """The same records give the same file."""
    assert render(*nine.all) == source


def test_nine_variants_fit_the_budgets(source, nine):
    """600 kB and three seconds of processor time."""
    assert len(source.encode()) <= 600_000
    start = time.process_time()
    render(*nine.all)
    assert time.process_time() - start <= 3.0


def test_forty_variants_of_a_thousand_seeds_fit_the_budgets(make_study, many):
    """Two megabytes and twenty seconds of processor time; seeds are thinned, never embedded raw."""
    study = make_study(entries=many(39), seeds=1000)
    start = time.process_time()
    size = len(render(*study.all).encode())
    assert time.process_time() - start <= 20.0
    assert size <= 2_000_000


def test_hostile_names_are_shown_literally(with_hostile_names, hostile_names):
    """No name becomes markup, script, template or link; each can be read as it is, without direction controls."""
    source = render(*with_hostile_names.all)
    page = Page(source)
    clean = [name.replace("\u202e", "").replace(" = ", "\u00a0=\u00a0") for name in hostile_names]
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
    assert entry["datasets"][0]["verdict"] == nine.headlines["iris"][0]


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


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_too_few_seeds_give_a_report_that_says_so(make_study, seeds):
    """Below five seeds there is no verdict, and the page says what is missing."""
    page = Page(render(*make_study(seeds=seeds, epochs=5).all))
    assert "five are the least" in page.text
    assert "▲ Better" not in page.text


def test_nothing_succeeded_is_reported(make_study, article):
    """With every trial lost there is a page, with the reasons and without figures."""
    study = make_study(seeds=3, epochs=5, lost={entry.name: 3 for entry, _ in article()})
    page = Page(render(*study.all))
    assert "Nothing finished" in page.text
    assert "nothing to compare" in page.text
    assert "30 trials of 30 were lost" in page.text
    assert "svg" not in [tag for tag, _ in page.tags]


def test_one_lost_variant_keeps_its_row(make_study):
    """A variant without a finished seed is a row marked as failed, and the others are judged as before."""
    page = Page(render(*make_study(epochs=5, lost={"l2(0.01)@all": 10}).all))
    assert "Failed" in page.text
    assert "10 of 10" in page.text


def test_partial_studies_say_how_much_is_there(make_study):
    """An interrupted study says how many of its trials it has."""
    assert "Partial: 100 of 130 trials" in Page(render(*make_study(epochs=5, missing=30).all)).text


def test_several_data_sets_begin_with_an_overview(ten):
    """Ten data sets get an overview first, a section each, and unique anchors throughout."""
    page = Page(render(*ten.all))
    ids = page.values("id")
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections[0] == "overview"
    assert [name for name in sections if name.endswith("verdict")] == [f"d{n}-verdict" for n in range(1, 11)]
    assert len(ids) == len(set(ids))
    assert ten.summary.across.headline[0] in page.text


def test_losses_are_plain_numbers_and_lower_is_better(make_study):
    """With cross-entropy as the metric the best row is the lowest, and nothing is written in percent points."""
    settings = AnalysisSettings(metric="cross_entropy", scope="this_dataset")
    study = make_study(epochs=5, settings=settings)
    source = render(*study.all)
    page = Page(source)
    rows = re.findall(r'data-values="([^"]+)"', source)
    scores = [float(json.loads(unescape(row))["score"]) for row in rows]
    assert scores == sorted(scores)
    assert "Lowest test cross-entropy" in page.text
    assert "about these rows" in page.text


def test_a_diverging_curve_is_drawn_up_to_its_end(nine):
    """Curves that end early or hold NaN neither fail nor put NaN into the page."""
    data = nine.summary.datasets[0]
    broken = Curve((1, 2, 3), (0.5, math.nan, math.nan), (0.4, math.nan, math.nan), (0.6, math.nan, math.nan))
    columns = dict.fromkeys(data.variants[0].curves, broken)
    variants = (replace(data.variants[0], curves=columns), *data.variants[1:])
    summary = replace(nine.summary, datasets=(replace(data, variants=variants),))
    page = Page(render(summary, *nine.all[1:]))
    for _, attrs, text in page.scripts:
        if attrs.get("type") == "application/json":
            json.loads(text, parse_constant=pytest.fail)
    assert not [data for data in page.values("d") if "nan" in data.lower()]


def test_own_templates_stand_in_for_ours(nine, tmp_path):
    """A file in the user's folder replaces ours of that name; all that the documentation lists is there to use."""
    listed = re.findall(
        r"^\| ((?:`\w+`,? ?)+) \|", (templates() / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    names = [name for cell in listed for name in re.findall(r"`([a-z]\w+)`", cell)]
    assert len(names) >= 20
    body = "".join(f"<li>{name}={{{{ {name} is defined }}}}</li>" for name in names)
    (tmp_path / "report.html.j2").write_text(f"<ul>{body}</ul>", encoding="utf-8")
    assert render(*nine.all, tmp_path) == "<ul>" + "".join(f"<li>{name}=True</li>" for name in names) + "</ul>"
    (tmp_path / "report.html.j2").write_text("{{ no_such_name }}", encoding="utf-8")
    with pytest.raises(UndefinedError):
        render(*nine.all, tmp_path)


def templates():
    """The folder of our templates."""
    from regfleet.report.templates import default_folder

    return default_folder()


def test_a_missing_templates_folder_is_an_input_error(nine, tmp_path):
    """The message names the flag and what was given."""
    with pytest.raises(InputError, match=r"--templates: expected a folder of templates; got .*nowhere"):
        render(*nine.all, tmp_path / "nowhere")


def luminance(colour):
    """WCAG's relative luminance of a hex colour."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """WCAG's contrast ratio."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXTS = [
    *((text, ground) for text in ("fg", "muted", "link") for ground in ("bg", "surface", "raised")),
    *((text, "bg") for text in ("train", "validation", "better", "worse")),
    *((word, f"{word}-bg") for word in ("better", "worse", "neutral", "warn")),
    ("fg", "neutral-bg"),
]
MARKS = [
    *((mark, "bg") for mark in ("train", "validation", "ghost", "line-strong", "neutral-mark")),
    *((f"c{n}", "raised") for n in range(1, 6)),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_tokens_have_contrast(theme):
    """Text reaches 4.5 to 1 and marks 3 to 1 on every ground they stand on."""
    for needed, pairs in ((4.5, TEXTS), (3.0, MARKS)):
        poor = [(a, b) for a, b in pairs if contrast(TOKENS[a][theme], TOKENS[b][theme]) < needed]
        assert not poor
