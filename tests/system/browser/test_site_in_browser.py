"""The published site in a real browser, from disk and from a web server."""

import functools
import http.server
import threading
from pathlib import Path

import pytest
from support.published import SCORES, run_in

from regfleet.report.publish import publish


@pytest.fixture(scope="module")
def site(files, tmp_path_factory):
    """A published site of three reports of different days, models and verdicts."""
    root = tmp_path_factory.mktemp("results")
    for name in ("nine", "hostile", "two"):
        (root / name).mkdir()
        source = (files / f"{name}.html").read_text(encoding="utf-8")
        if name == "two":
            source = source.replace('"2026-11-22T14:05:09Z"', '"2026-12-24T14:05:09Z"')
        (root / name / "report.html").write_text(source, encoding="utf-8")
        (root / name / "leaderboard.csv").write_text("rank\n1\n", encoding="utf-8")
    folder = tmp_path_factory.mktemp("web")
    publish([root / name for name in ("nine", "hostile", "two")], folder / "sub" / "reports")
    return folder


@pytest.fixture(scope="module")
def server(site):
    """The site below a subfolder of a web server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/sub/reports"
        running.shutdown()
        thread.join()


def test_the_site_is_accessible_and_fits_every_screen(opened, violations, overflows, site):
    """The index has no violation either, in light, in dark and on a phone, and does not overflow."""
    with opened((site / "sub/reports/index.html").as_uri()) as page:
        assert violations(page) == overflows(page) == []


def test_the_site_is_searched_by_keyboard(opened, site):
    """Text, data set, verdict and date narrow the list; the newest comes first."""
    with opened((site / "sub/reports/index.html").as_uri()) as page:
        assert page.locator(".entry:visible").evaluate_all("(all) => all.map((one) => one.id)") == [
            "two",
            "hostile",
            "nine",
        ]
        page.get_by_label("Search").focus()
        page.keyboard.type("javascript")
        assert page.locator(".entry:visible").evaluate_all("(all) => all.map((one) => one.id)") == ["hostile"]
        page.get_by_label("Search").fill("")
        page.get_by_label("Data set").select_option("pears")
        assert page.locator(".entry:visible").count() == 1
        page.get_by_label("Data set").select_option("any")
        page.get_by_label("From").fill("2026-12-01")
        assert page.locator(".entry:visible").count() == 1
        page.get_by_label("From").fill("")
        page.get_by_label("With a verdict").select_option("Worse")
        assert "nine" in page.locator(".entry:visible").evaluate_all("(all) => all.map((one) => one.id)")


def test_the_site_works_from_disk_and_from_a_subfolder(opened, site, server):
    """Links to reports and downloads work in both places, and nothing else is asked for."""
    for start in ((site / "sub/reports").as_uri(), server):
        with opened(f"{start}/index.html") as page:
            for name in ("nine", "hostile", "two"):
                page.locator(f"#{name} h2 a").click()
                page.locator("#method").wait_for()
                assert page.url == f"{start}/{name}/report.html"
                page.go_back()
            with page.expect_download() as caught:
                page.locator("#nine").get_by_role("link", name="leaderboard.csv").click()
            assert Path(caught.value.path()).read_text(encoding="utf-8") == "rank\n1\n"


def test_a_study_over_time_can_be_read_and_found(opened, violations, overflows, tmp_path):
    """Its page is accessible, fits every screen and needs no script; the search opens what it finds of its reports."""
    scores = SCORES | {"mixup(0.2)": 0.9, "swa": 0.91}
    runs = [
        run_in(tmp_path / "mon", "2026-11-02", scores=scores),
        run_in(tmp_path / "tue", "2026-11-03", keras="3.16.0", scores=scores),
    ]
    publish(runs, tmp_path / "site", base_url="https://reports.example")
    index, page = ((tmp_path / "site" / name).as_uri() for name in ("index.html", "trends/churn.html"))
    with opened(page, script=False) as shown:
        assert shown.locator(".plate:visible").count() == len(scores)
        assert shown.get_by_role("link", name="tue").first.get_attribute("href") == "../tue/report.html"
    with opened(page) as shown:
        shown.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
        assert violations(shown) == overflows(shown) == []
    with opened(index) as shown:
        assert shown.locator("#mon:visible").count() == 0
        shown.get_by_label("Search").fill("3.15.1 SWA")
        assert shown.locator(".entry:visible").evaluate_all("(all) => all.map((one) => one.id)") == ["mon"]
        shown.get_by_label("Search").fill("swa")
        assert shown.locator("#tue tbody tr:visible").last.inner_text().startswith("–\tSwa")
        assert violations(shown) == overflows(shown) == []
