"""What a report says where a reader was led astray once: partial studies, sweeps, overlays, the phone's labels."""

import json
import re
from dataclasses import replace

import pytest

from regfleet.report import background, render
from regfleet.report.context import facts
from regfleet.report.further import further
from regfleet.report.overlay import data
from regfleet.report.templates import sentence
from regfleet.text import between


@pytest.mark.parametrize("epochs", [20, 21, 350])
def test_the_overlay_has_the_band_of_each_epoch(make_study, article, epochs):
    """Means and bands belong to the same epochs, the last among them, with the numbers of the curves."""
    study = make_study(seeds=3, epochs=epochs, entries=article()[:2])
    (dataset,) = study.summary.datasets
    found = json.loads(json.dumps(data(dataset, study.summary.metric, 175)))
    assert found["epochs"][-1] == epochs
    curve = next(row for row in dataset.variants if row.label == found["variants"][0]["label"]).curves["val_accuracy"]
    mean, low, high = found["variants"][0]["values"][0]
    for place, epoch in enumerate(found["epochs"]):
        sides = (curve.mean[epoch - 1], curve.low[epoch - 1], curve.high[epoch - 1])
        assert [mean[place], low[place], high[place]] == [round(1000 * side) for side in sides]


def test_the_name_that_comes_first_is_in_bold():
    """However long the others are; of two that begin at one place the longer."""
    text = sentence("L2, all is better than Dropout, many layers", "Dropout, many layers", "L2, all", "L2")
    assert text == "<strong><bdi>L2, all</bdi></strong> is better than Dropout, many layers"


def test_a_phone_tells_the_members_of_a_sweep_apart():
    """A label that is too long is cut before its bracket."""
    assert between("Dropout, all layers (rate 0.25)", 26) == "Dropout, all… (rate 0.25)"
    assert between("No bracket, but very long indeed", 12) == "No bracket,…"


def test_a_partial_study_does_not_say_that_it_is_finished(parse, make_study, article):
    """Nor that every variant has every seed."""
    whole, partial = (
        parse(render(make_study(epochs=5, seeds=6, entries=article()[:3], **some))).text
        for some in ({}, {"missing": 30, "lost": {"l1(0.01)@all": 4}})
    )
    assert "Finished 22 November 2026" in re.sub(r"Finished ?22", "Finished 22", whole)
    assert "6 each, paired" in whole
    assert "Every variant ran on the same seeds" in whole
    assert "Last run" in partial
    assert "up to 6, paired" in partial
    assert "Not every variant has run on every seed yet" in partial
    for word in ("Finished 22", "6 each", "Every variant ran"):
        assert word not in partial


def test_seeds_that_ran_and_failed_are_not_said_to_be_missing(make_study, article):
    """Of six that ran two finished for both: that is said, and no fineness of the study beside it."""
    study = make_study(seeds=6, epochs=5, entries=article()[:2], lost={"none": 4})
    (dataset,) = study.summary.datasets
    assert (
        "of six seeds only two finished for a variant and its control, too: five are the least" in dataset.headline[0]
    )
    assert "Finest this study can see" not in [fact.title for fact in facts(dataset, study.summary.metric)]


def test_what_a_limit_of_time_lost_is_not_trained_under_it_again(make_study):
    """The command is offered without the limit; other failures get the command as it was."""
    failure = make_study(seeds=3, epochs=5, lost={"l2(0.01)@all": 1}).failures[0]
    late = replace(failure, error="did not finish within 3 s; --trial-timeout sets the limit")
    command = "regfleet compare --seeds 6 --trial-timeout 3 --out x"
    assert background.again(command, [late]).command == "regfleet compare --seeds 6 --out x"
    assert "All of them took longer" in background.again(command, [late]).said
    assert "1 of them took longer" in background.again(command, [late, failure]).said
    assert background.again(command, [failure]).command == command


def test_a_sweep_that_is_best_at_its_edge_goes_further(forty):
    """In its own steps, as a command that exists; one that is best inside says nothing."""
    (dataset,) = forty.summary.datasets
    (family,) = dataset.families
    assert further(dataset, family, "regfleet compare -t x") == ("", "")
    cut = replace(family, members=family.members[:4], values=family.values[:4])  # 1e-05 … 0.01, which is the best
    said, command = further(dataset, cut, "regfleet compare --out o -t 'l2(1e-05|0.0001|0.001|0.01)@all'")
    assert "0.01, is the largest that was tried" in said
    assert command.endswith("-t 'l2(0.1)@all'")
    assert further(dataset, cut, "regfleet compare study.toml")[1] == ""
