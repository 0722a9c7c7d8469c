"""Several data sets: what the terminal and the notebook begin with, and how much of each a page shows."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from regfleet.analysis.overall import overall
from regfleet.cli.terminal import print_conclusion
from regfleet.report.context import fragment
from regfleet.report.detail import COSTS, detail_of


def test_very_many_data_sets_show_as_much_as_there_is_room_for(ten):
    """Ten have everything; forty of few variants lack the last things, of more variants more of them, all in order."""
    order, few = list(COSTS), ten.summary.datasets[0]
    many = replace(few, variants=few.variants * 4)
    whole, forty, crowded = (
        detail_of(replace(ten.summary, datasets=datasets))
        for datasets in (ten.summary.datasets, (few,) * 40, (many,) * 40)
    )
    assert whole.kinds == set(order)
    assert whole.left_out == ()
    for found in (forty, crowded):
        assert found.kinds == set(order[: len(found.kinds)])
    assert whole.kinds > forty.kinds > crowded.kinds
    assert "curves of loss and other metrics" in forty.left_out


def test_terminal_and_notebook_lead_with_all_of_them(ten, two):
    """The result over all comes first; from five data sets on a line for each stands for the leaderboards."""
    for study, leaderboards in ((ten, 0), (two, 2)):
        screen = Console(record=True, width=80, file=StringIO())
        print_conclusion(screen, study)
        text = screen.export_text()
        printed, first = " ".join(text.split()), overall(study.summary).headline[0]
        assert printed.startswith(first)
        assert printed.count("Too small to matter:") == leaderboards
        assert max(map(len, text.splitlines())) <= 80
        assert all(name in printed for name in study.facts.datasets)
        assert " ".join(first.split()) in fragment(study.summary).split("<table>")[0]
