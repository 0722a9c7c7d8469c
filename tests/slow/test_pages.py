"""Pages that take their time to draw."""

import re
import time

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


def test_forty_variants_of_a_thousand_seeds_fit_the_budgets(make_study, many):
    """Two megabytes and twenty seconds of processor time; seeds are thinned, never embedded raw."""
    study = make_study(entries=many(39), seeds=1000)
    start = time.process_time()
    size = len(render(study).encode())
    assert time.process_time() - start <= 20.0
    assert size <= 2_000_000
