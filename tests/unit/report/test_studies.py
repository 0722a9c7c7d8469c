"""Studies out of the ordinary: few seeds, lost trials, many data sets, other metrics."""

import json
import math
import re
from dataclasses import replace
from html import unescape

import pytest

from regfleet.analysis import Question
from regfleet.analysis.overall import overall
from regfleet.analysis.variant import Curve
from regfleet.metrics import METRICS
from regfleet.report import render
from regfleet.results import Provenance, RunFacts


@pytest.fixture(scope="module")
def few(article):
    """The control, and L1 and L2 on the first layer and on all."""
    return article()[:5]


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_too_few_seeds_give_a_report_that_says_so(parse, make_study, few, seeds):
    """Below five seeds there is no verdict, and the page says what is missing."""
    page = parse(render(make_study(seeds=seeds, epochs=5, entries=few)))
    assert "five are the least" in page.text
    assert "▲ Better" not in page.text


@pytest.mark.usefixtures("drawn")
def test_nothing_succeeded_is_reported(parse, make_study, article):
    """With every trial lost there is a page, with the reasons and without figures."""
    study = make_study(seeds=3, epochs=5, lost={entry.name: 3 for entry, _ in article()})
    page = parse(render(study))
    assert "Nothing finished" in page.text
    assert "nothing to compare" in page.text
    assert "30 trials of 30 were lost" in page.text
    assert "svg" not in [tag for tag, _ in page.tags]


def test_one_lost_variant_keeps_its_row(parse, make_study, few):
    """A variant without a finished seed is a row marked as failed, and the others are judged as before."""
    page = parse(render(make_study(epochs=5, lost={"l2(0.01)@all": 10}, entries=few)))
    assert "Failed" in page.text
    assert "10 of 10" in page.text


def test_a_variant_without_a_trial_yet_has_not_failed(parse, make_study, few):
    """A study that was stopped early says of what it did not come to that there is no trial yet."""
    page = parse(render(make_study(epochs=5, lost={"l2(0.01)@all": None}, missing=10, entries=few)))
    assert "○ No trial yet" in page.text
    assert "! Failed" not in page.text


def test_partial_studies_say_how_much_is_there(parse, make_study, few):
    """An interrupted study says how many of its trials it has."""
    assert "Partial: 50 of 80 trials" in parse(render(make_study(epochs=5, missing=30, entries=few))).text


def test_several_data_sets_begin_with_an_overview(parse, rendered, ten):
    """Ten data sets get an overview first, a section each, and unique anchors throughout."""
    page = parse(rendered("ten"))
    ids = page.values("id")
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections[0] == "overview"
    assert [name for name in sections if name.endswith("verdict")] == [f"d{n}-verdict" for n in range(1, 11)]
    assert len(ids) == len(set(ids))
    assert ten.summary.across.headline[0] in page.text


@pytest.mark.usefixtures("drawn")
def test_figures_of_several_data_sets_have_anchors_of_their_own(parse, rendered):
    """No id occurs twice, in a figure neither."""
    page = parse(rendered("two"))
    ids = page.values("id")
    assert "svg" in [tag for tag, _ in page.tags]
    assert len(ids) == len(set(ids))


def test_a_heat_map_leads_to_the_rows(parse, rendered, ten):
    """A cell for each variant on each data set, with its difference and its verdict, and a link to its row."""
    source = rendered("ten")
    page = parse(source)
    cells = re.findall(r'<td class="(\w+)" style="--s:(\d+)%"><a href="#([^"]+)">.*?</span> ([^<]+)</a>', source)
    assert len(cells) == 10 * 2
    ids = set(page.values("id"))
    assert {href for _, _, href, _ in cells} <= ids
    gains = {row.comparison.difference.mean for data in ten.summary.datasets for row in data.variants if row.control}
    shown = sorted(float(text.replace("\u2212", "-")) for *_, text in cells)
    assert shown == pytest.approx(sorted(100 * gain for gain in gains), abs=0.051)
    for side, strength, _, text in cells:
        assert side == ("worse" if text.startswith("\u2212") or float(text) == 0 else "better")
        assert 0 <= int(strength) <= 100
    before = source.index('id="data-sets"')
    assert source.index(" ".join(overall(ten.summary).headline[0].split())) < source.index('id="map"') < before
    assert source.count('<details class="dataset">') == 10
    assert "Better means: the 95" in page.text
    assert "It is none about the next one" in page.text


def test_of_more_variants_than_data_sets_the_variants_are_the_rows(rendered, two):
    """A page has room downwards: each data set is a column, with a link to its section and the control's score."""
    source = rendered("two")
    table = source[source.index('<table class="heat">') :].partition("</table>")[0]
    datasets, compared = two.summary.datasets, {row.name for row in two.summary.datasets[0].shown if row.control}
    assert len(compared) > len(datasets)
    head, control, *rows = re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
    assert re.findall('href="#(d[0-9]-verdict)"', head) == ["d1-verdict", "d2-verdict"]
    assert control.count("<td>") == len(datasets)
    assert len(rows) == len(compared)
    for row in rows:
        assert [link[:3] for link in re.findall('href="#([^"]+)"', row)] == ["d1-", "d2-"]


def test_losses_are_plain_numbers_and_lower_is_better(parse, make_study, few):
    """With cross-entropy as the metric the best row is the lowest, and nothing is written in percent points."""
    question = Question(METRICS["cross_entropy"], scope="this_dataset")
    study = make_study(epochs=5, question=question, entries=few)
    source = render(study)
    page = parse(source)
    rows = re.findall(r'data-values="([^"]+)"', source)
    scores = [float(json.loads(unescape(row))["score"]) for row in rows]
    assert scores == sorted(scores)
    assert "Lowest test cross-entropy" in page.text
    assert "about these rows" in page.text


@pytest.mark.usefixtures("drawn")
def test_a_diverging_curve_is_drawn_up_to_its_end(parse, nine):
    """Curves that end early or hold NaN neither fail nor put NaN into the page."""
    data = nine.summary.datasets[0]
    broken = Curve((1, 2, 3), (0.5, math.nan, math.nan), (0.4, math.nan, math.nan), (0.6, math.nan, math.nan))
    columns = dict.fromkeys(data.variants[0].curves, broken)
    variants = (replace(data.variants[0], curves=columns), *data.variants[1:])
    summary = replace(nine.summary, datasets=(replace(data, variants=variants),))
    page = parse(render(replace(nine, summary=summary)))
    for _, attrs, text in page.scripts:
        if attrs.get("type") == "application/json":
            json.loads(text, parse_constant=pytest.fail)
    assert not [data for data in page.values("d") if "nan" in data.lower()]


def test_the_speed_is_that_of_the_trials(parse, make_study, few):
    """Five variants and 5 seeds, 3.5 s each but one of 9 s, in a run of 50 s: 0.5 trials a second, 1.86 at work."""
    study = make_study(seeds=5, epochs=5, entries=few)
    trials = study.trials.assign(host="node-1", device="/CPU:0")
    slow = (trials["variant"] == "l2(0.01)@all") & (trials["seed"] == 3)
    trials.loc[slow, "seconds"] = 9.0
    runs = (RunFacts(seconds=20.0, trials=10), RunFacts(seconds=30.0, trials=15))
    facts = replace(study.facts, provenance=Provenance(runs=runs))
    text = parse(render(replace(study, trials=trials, facts=facts))).text.replace("\u00a0", " ")
    assert "0.50 trials a second over 2 runs" in text
    assert "1.86 trials at work" in text  # (24 x 3.5 s + 9 s) / 50 s
    assert re.search(r"Node and processor ?L2, all layers \(λ = 0\.01\) ?3 ?9\.00 ?node-1, /CPU:0", text)
    partly = replace(study.facts, provenance=Provenance(runs=runs[:1]))
    assert "at work" not in parse(render(replace(study, trials=trials, facts=partly))).text
