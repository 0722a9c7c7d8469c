"""Pages that take their time to draw."""

import re

from regfleet.report import render


def test_forty_data_sets_fit_a_page_that_says_what_it_lacks(parse, make_study, article):
    """At most two megabytes, all leaderboards in it, and what is left out is named with the command that draws it."""
    study = make_study(datasets=tuple(f"set{n:02d}" for n in range(40)), seeds=5, epochs=10, entries=article()[:3])
    source = render(study)
    page = parse(source)
    assert len(source.encode()) <= 2_000_000
    assert source.count('<table class="sortable">') == 40
    assert re.search(r"With 40 data sets .*curves of loss.* left out", page.text)
    assert "regfleet report DIR --figures FOLDER" in page.text
    assert len(page.values("id")) == len(set(page.values("id")))
