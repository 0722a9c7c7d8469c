"""Reports on scores from another tool, and on studies that add seeds until the answer is clear."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regfleet import analyze
from regfleet.cli.terminal import caption
from regfleet.report import render
from regfleet.report.context import fragment


@pytest.fixture(scope="module")
def foreign_page(parse, rendered):
    """Its report, parsed."""
    return parse(rendered("foreign"))


def test_a_foreign_report_leaves_out_what_is_unknown(foreign_page, page):
    """Model, epochs, split, engine, study file, gap and curves appear in a study's report and not in a foreign one."""
    unknown = (
        "Epochs", "Model", "regularization", "Best epoch", "Secondsa trial", "Gap", "Engine", "study.toml",
        "A seed fixes the split", "Curves", "memorizes", "No trial finished", "settings",
    )  # fmt: skip
    kept = {"No trial finished"}
    for words in unknown:
        assert words not in foreign_page.text
        assert words in kept or words in page.text


def test_a_foreign_report_asks_its_own_question(foreign_page, foreign):
    """The title speaks of techniques, and the sections that are left have their links."""
    name = foreign.summary.datasets[0].dataset
    assert foreign_page.text.count(f"Which technique works best on {name}?") == 2
    sections = [attrs["id"] for tag, attrs in foreign_page.tags if tag == "section"]
    assert sections == ["verdict", "leaderboard", "differences", "choice", "failures", "method", "reproduce"]
    links = {href[1:] for href in foreign_page.values("href") if href.startswith("#")}
    assert links <= set(foreign_page.values("id"))
    assert not {"curves", "gap"} & links


def test_a_foreign_leaderboard_has_a_cell_for_each_header(rendered):
    """Header and rows lose the same columns: eight are left of a study's eleven."""
    for material, columns in (("foreign", 8), ("nine", 11)):
        table = re.search(r'<table class="sortable">.*?</table>', rendered(material), re.DOTALL)[0]
        head, *rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
        assert {len(re.findall(r"<t[dh]\b", row)) for row in (head, *rows)} == {columns}


def test_foreign_failures_have_no_training_to_repeat(parse, rendered, foreign, nine):
    """A lost score is listed, without the promise that the command trains it again."""
    lost = parse(render(replace(foreign, failures=nine.failures)))
    assert "7 trials of" in lost.text
    assert "The same command again" not in lost.text
    assert "The same command again" in parse(rendered("nine")).text


def test_a_notebook_shows_the_gap_only_where_there_is_one(foreign, nine):
    """The column of dashes is left out."""
    assert "<th>Gap" not in fragment(foreign.summary)
    assert "<th>Gap" in fragment(nine.summary)


@pytest.mark.usefixtures("drawn")
def test_the_rope_of_a_metric_of_others_is_the_same_everywhere(parse):
    """The verdict, the terminal and the page take 1 % of the control's mean for a metric that is not ours."""
    draw = np.random.default_rng(3)
    base = 30 + draw.normal(0, 0.5, 8)
    values = {"none": base, "fast": base - 0.1 + draw.normal(0, 0.01, 8)}
    rows = [
        {"technique": name, "seed": seed, "latency_loss": x} for name in values for seed, x in enumerate(values[name])
    ]
    found = analyze(pd.DataFrame(rows), scope="this_dataset", higher_is_better=False)
    (data,) = found.summary.datasets
    comparison = next(row.comparison for row in data.variants if row.comparison)
    assert comparison.rope == pytest.approx(0.01 * base.mean())
    assert (comparison.verdict, comparison.note) == ("equivalent", "tiny but real")
    words = "±1\u202f% of the control's mean"
    assert words in caption(data, found)
    page = parse(render(found))
    assert page.text.count(" ".join(words.split())) == 4
    assert "±0.0100" not in page.text


@pytest.fixture(scope="module")
def page(parse, rendered):
    """The article's report: a study with a fixed number of seeds."""
    return parse(rendered("nine"))


@pytest.fixture(scope="module")
def looked(parse, rendered):
    """The report of a study that added seeds."""
    return parse(rendered("with_looks"))


def test_a_study_that_adds_seeds_says_up_to(looked, page):
    """The header and the claims give the most seeds that a variant had; with a fixed number each had it."""
    assert "Seedsup to 10, paired" in looked.text.replace("Seeds up", "Seedsup")
    assert "over up to 10 seeds" in looked.text
    assert "10 each, paired" in page.text
    assert "up to" not in page.text


def test_seeds_are_called_the_same_only_where_they_are(looked, page):
    """Settled variants stop getting seeds, so only a fixed number is the same for all."""
    assert "A settled variant gets no more seeds" in looked.text
    assert "ran on the same seeds" not in looked.text
    assert "Every variant ran on the same seeds" in page.text
    assert "A settled variant" not in page.text


def test_intervals_hold_over_all_planned_looks(looked, page):
    """Where the figure and the method describe the interval, all three planned looks are counted, not the two taken."""
    assert "over all 3 looks; the shaded zone" in looked.text
    assert "simultaneous over all comparisons of a data set and over all 3 looks." in looked.text
    assert "looks" not in page.text


def test_the_looks_name_what_is_settled_and_why_they_stopped(looked):
    """Each look is a row with labels of settled, open and hopeless variants and its reason; many fold away."""
    text = looked.text.replace("\u00a0", " ")
    assert re.search(
        r"1 of 3 ?5 ?0\.00714 ?L1, all layers \(λ = 0\.01\) ?L2, all layers \(λ = 0\.01\) ?– ?On to 10 seeds on iris\.",
        text,
    )
    assert re.search(
        r"2 of 3 ?10 ?0\.0143 ?L1, all layers \(λ = 0\.01\) ?– ?5 ?L2, all .*, unknown ?Stopped on iris after 10",
        text,
    )


def test_every_verdict_is_said_in_plain_words(page, nine):
    """Below the leaderboard every compared variant is in one sentence, and those of one verdict are in the same."""
    dataset = nine.summary.datasets[0]
    compared = [row for row in dataset.variants if row.comparison]
    assert len(compared) == 8
    assert sorted(label for one in dataset.plain for label in one.labels) == sorted(row.label for row in compared)
    for one in dataset.plain:
        assert one.sentence in page.text
        assert all(label in one.sentence for label in one.labels)
    kinds = {(row.comparison.verdict, row.comparison.withdrawn, row.control) for row in compared}
    assert len(dataset.plain) <= len(kinds) + 2  # what may settle an undecided one is said too
    assert ("div", {"class": "plain"}) in page.tags


def test_many_verdicts_are_few_sentences(parse, forty):
    """Forty verdicts, the sweep's tuned variant among them, need no fold."""
    page = parse(render(forty))
    data = forty.summary.datasets[0]
    assert sum(len(one.labels) for one in data.plain) == 40
    assert len(data.plain) <= 8
    assert ("div", {"class": "plain"}) in page.tags
    assert any(data.families[0].tuned.label in one.labels and one.sentence in page.text for one in data.plain)
