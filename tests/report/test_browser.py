"""The report and the site in a real browser. They fail, never skip, where Chromium is missing."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from regfleet.publish import publish
from regfleet.report import exports, render

pytestmark = pytest.mark.browser
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(nine, forty, with_hostile_names, two, tmp_path_factory):
    """The reports that are opened, by name."""
    folder = tmp_path_factory.mktemp("reports")
    for name, study in (("nine", nine), ("forty", forty), ("hostile", with_hostile_names), ("two", two)):
        (folder / f"{name}.html").write_text(render(*study.all), encoding="utf-8")
    return folder


@contextmanager
def opened(chromium, address, *, width=1280, scheme="light", script=True):
    """A page at ``address`` that fails on any console error and any request that leaves the file."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script, accept_downloads=True
    )
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    home = address.rpartition("/")[0]
    page.on("request", lambda request: None if request.url.startswith((home, "data:")) else wrong.append(request.url))
    page.goto(address)
    page.wrong = wrong
    yield page
    context.close()
    assert not wrong


def report(files, name="nine"):
    """The address of a report."""
    return (files / f"{name}.html").as_uri()


@pytest.mark.parametrize("name", ["nine", "two", "hostile"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_finds_no_violation(chromium, files, name, width, scheme):
    """WCAG 2.2 AA and axe's best practices: nothing to report, in light, in dark and on a phone."""
    with opened(chromium, report(files, name), width=width, scheme=scheme) as page:
        found = Axe().run(page, options=WCAG)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", ["nine", "forty", "hostile", "two"])
@pytest.mark.parametrize("width", [320, 768, 2560])
def test_nothing_overflows_sideways(chromium, files, name, width):
    """From a small phone to a wide screen the page itself never scrolls sideways."""
    with opened(chromium, report(files, name), width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_reports_load_within_a_second(chromium, files):
    """Nine variants are loaded and drawn within a second."""
    with opened(chromium, report(files)) as page:
        page.reload()
        assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") <= 1000


def test_the_policy_blocks_injected_script(chromium, files, tmp_path):
    """A script put into the file does not run, and neither do handlers in attributes."""
    source = (files / "nine.html").read_text(encoding="utf-8")
    attack = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><svg onload='window.hacked=1'></svg>"
    (tmp_path / "attacked.html").write_text(source.replace("<main>", f"<main>{attack}"), encoding="utf-8")
    page = chromium.new_page()
    page.goto((tmp_path / "attacked.html").as_uri())
    assert page.evaluate("window.hacked") is None
    page.close()


def test_hostile_names_do_nothing_and_can_be_read(chromium, files, hostile_names):
    """Every name is a row's visible text, in the overlay's list too, and none of them ran."""
    with opened(chromium, report(files, "hostile")) as page:
        assert page.evaluate("window.hacked") is None
        shown = {" ".join(text.split()) for text in page.locator(".sortable tbody th bdi").all_inner_texts()}
        assert {" ".join(name.replace("\u202e", "").split()) for name in hostile_names} <= shown
        assert page.locator(".overlay fieldset bdi").count() == len(hostile_names) + 1


def test_sorting_by_keyboard(chromium, files):
    """Enter on a header sorts by it, again turns the order round, and the state is announced; blanks stay last."""
    with opened(chromium, report(files)) as page:
        head = page.locator("[data-sort=difference]")
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        first, last = differences(page), []
        assert first == sorted(first, reverse=True)
        page.keyboard.press("Enter")
        last = differences(page)
        assert head.get_attribute("aria-sort") == "ascending"
        assert last == sorted(last)
        assert page.locator("[data-sort=rank]").get_attribute("aria-sort") is None


def differences(page):
    """The differences in the order shown; the two controls have none and come last."""
    values = [
        row["difference"]
        for row in page.evaluate(
            "[...document.querySelectorAll('.sortable tbody tr')].map((row) => JSON.parse(row.dataset.values))"
        )
    ]
    assert values[-2:] == ["", ""]
    return [float(value) for value in values[:-2]]


def test_the_filter_narrows_rows_and_cards(chromium, files):
    """From fifteen variants on a box filters the leaderboard and the cards by name; below there is none."""
    with opened(chromium, report(files, "forty")) as page:
        page.get_by_label("Show variants with").focus()
        page.keyboard.type("L2, ALL")
        assert page.locator(".sortable tbody tr:visible").count() == 6
        assert page.locator(".card:visible").count() == 6
        assert page.locator(".filter output").inner_text() == "6 of 41"
    with opened(chromium, report(files)) as page:
        assert page.locator(".filter").count() == 0


def test_the_overlay_panel_by_keyboard(chromium, files, nine):
    """Choosing variants and a metric draws lines; arrow keys read values; at most five; epochs can be narrowed."""
    with opened(chromium, report(files)) as page:
        panel = page.locator(".overlay")
        assert panel.locator("path.series").count() == 2 * 3
        boxes = panel.locator("input[type=checkbox]")
        for index in range(boxes.count()):
            if panel.locator("input:checked").count() < 5 and not boxes.nth(index).is_checked():
                boxes.nth(index).focus()
                page.keyboard.press("Space")
        assert panel.locator("input:checked").count() == 5
        assert panel.locator("input[type=checkbox]:disabled").count() == 5
        assert panel.locator(".readout bdi").count() == 5
        slider = panel.get_by_label("Epoch to read")
        slider.focus()
        page.keyboard.press("Home")
        assert "Epoch 1\n" in panel.locator(".readout").inner_text()
        page.keyboard.press("End")
        label = panel.locator(".readout bdi").first.inner_text()
        row = next(row for row in nine.summary.datasets[0].variants if row.label == label)
        last = row.curves["val_accuracy"].mean[-1]
        assert f"{100 * last:.1f} %" in panel.locator(".readout b").nth(1).inner_text()
        before = panel.locator("path.series").first.get_attribute("d")
        panel.get_by_label("Metric").select_option(label="training cross-entropy")
        assert panel.locator("path.series").first.get_attribute("d") != before
        panel.get_by_label("Epochs from").fill("300")
        page.keyboard.press("Tab")
        assert int(slider.get_attribute("min")) > 0
        panel.get_by_role("button", name="All epochs").press("Enter")
        assert slider.get_attribute("min") == "0"


def test_the_overlay_panel_by_pointer(chromium, files):
    """Moving over the plot reads the epoch below the pointer."""
    with opened(chromium, report(files)) as page:
        plot = page.locator(".overlay svg[height]")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
        epoch = int(page.locator(".readout b").first.inner_text().removeprefix("Epoch "))
        assert 150 <= epoch <= 200


def test_downloads_open(chromium, files, nine):
    """The embedded files are the exports, byte for byte."""
    with opened(chromium, report(files)) as page:
        for name, text in (
            ("leaderboard.csv", exports.leaderboard_csv(nine.summary)),
            ("trials.csv", exports.trials_csv(nine.trials)),
        ):
            with page.expect_download() as caught:
                page.get_by_role("link", name=name).press("Enter")
            assert caught.value.suggested_filename == name
            assert Path(caught.value.path()).read_text(encoding="utf-8") == text


def test_copy_buttons_copy(chromium, files, nine):
    """The command lands on the clipboard, and the button says so."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(report(files))
    button = page.locator("#reproduce .copy").first
    button.press("Enter")
    button.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == nine.facts.command
    context.close()


def test_the_theme_needs_no_script(chromium, files):
    """Without JavaScript the buttons switch the colours, and print is light even then."""
    with opened(chromium, report(files), script=False) as page:
        ground = functools.partial(page.locator("body").evaluate, "(body) => getComputedStyle(body).backgroundColor")
        assert ground() == "rgb(255, 255, 255)"
        page.locator("label[for=theme-dark]").click()
        assert ground() == "rgb(15, 18, 22)"
        page.emulate_media(media="print")
        assert ground() == "rgb(255, 255, 255)"


def test_the_content_needs_no_script(chromium, files):
    """Without JavaScript all sections, rows, figures and downloads are there, and what cannot work is not."""
    with opened(chromium, report(files), script=False) as page:
        assert page.locator("section").count() == 9
        assert page.locator(".sortable tbody tr:visible").count() == 10
        assert page.locator(".m-accuracy svg:visible").count() == 10
        page.locator("label[for=metric-mse]").click()
        assert page.locator(".m-mse svg:visible").count() == 10
        assert page.locator(".m-accuracy svg:visible").count() == 0
        assert page.get_by_role("link", name="leaderboard.csv").is_visible()
        assert page.locator(".overlay").is_hidden()
        assert page.locator("button").count() == 0


def test_phones_get_the_narrow_figures(chromium, files):
    """Below 40rem the forest plot is the one drawn for phones, and the first column stays in view."""
    with opened(chromium, report(files), width=390) as page:
        assert page.locator("#differences .narrow svg").is_visible()
        assert page.locator("#differences .wide svg").is_hidden()
        scroll = page.locator("#leaderboard .scroll")
        scroll.evaluate("(box) => { box.scrollLeft = 200; }")
        left = page.locator(".sortable tbody th").first.bounding_box()["x"]
        assert left == pytest.approx(scroll.bounding_box()["x"], abs=2)


def test_print_expands_failures_and_cuts_no_figure(chromium, files):
    """On paper tracebacks are visible, panels that need a pointer are not, and figures do not break across pages."""
    with opened(chromium, report(files)) as page:
        page.emulate_media(media="print")
        assert page.locator(".failure pre").first.is_visible()
        assert page.locator(".overlay").is_hidden()
        assert page.locator(".theme").is_hidden()
        for part in ("figure", ".card", "tr"):
            assert page.locator(part).first.evaluate("(node) => getComputedStyle(node).breakInside") == "avoid"
        assert len(page.pdf(format="A4")) > 10_000
        assert len(page.pdf(format="Letter")) > 10_000


def test_motion_is_reduced_when_asked(chromium, files):
    """Nobody who asked for less motion gets smooth scrolling."""
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(report(files))
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    context.close()


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


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_the_site_passes_axe(chromium, site, width, scheme):
    """The index has no violation either and does not overflow."""
    with opened(chromium, (site / "sub/reports/index.html").as_uri(), width=width, scheme=scheme) as page:
        found = Axe().run(page, options=WCAG)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_site_is_searched_by_keyboard(chromium, site):
    """Text, data set, verdict and date narrow the list; the newest comes first."""
    with opened(chromium, (site / "sub/reports/index.html").as_uri()) as page:
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


def test_the_site_works_from_disk_and_from_a_subfolder(chromium, site, server):
    """Links to reports and downloads work in both places, and nothing else is asked for."""
    for start in ((site / "sub/reports").as_uri(), server):
        with opened(chromium, f"{start}/index.html") as page:
            for name in ("nine", "hostile", "two"):
                page.locator(f"#{name} h2 a").click()
                page.locator("#method").wait_for()
                assert page.url == f"{start}/{name}/report.html"
                page.go_back()
            with page.expect_download() as caught:
                page.locator("#nine").get_by_role("link", name="leaderboard.csv").click()
            assert Path(caught.value.path()).read_text(encoding="utf-8") == "rank\n1\n"
