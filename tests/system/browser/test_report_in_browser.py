"""The report in a real browser."""

import functools
from pathlib import Path

import pytest

from regfleet.report import exports


@pytest.mark.parametrize("name", ["nine", "two", "hostile", "foreign", "looks"])
def test_a_report_is_accessible_and_fits_every_screen(opened, report, violations, overflows, name):
    """WCAG 2.2 AA and axe's best practices hold in light, in dark and on a phone; nothing overflows sideways."""
    with opened(report(name)) as page:
        page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
        assert violations(page) == overflows(page) == []


def test_many_variants_fit_every_screen(opened, report, overflows):
    """Forty of them, too, overflow no screen sideways."""
    with opened(report("forty")) as page:
        assert overflows(page) == []


def test_reports_load_in_seconds(opened, report):
    """Nine variants are loaded and drawn within a second, or a few where the machine has much else to do."""
    with opened(report()) as page:
        page.reload()
        assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") <= 5000


def test_the_policy_blocks_injected_script(chromium, files, tmp_path):
    """A script put into the file does not run, and neither do handlers in attributes."""
    source = (files / "nine.html").read_text(encoding="utf-8")
    attack = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><svg onload='window.hacked=1'></svg>"
    (tmp_path / "attacked.html").write_text(source.replace("<main>", f"<main>{attack}"), encoding="utf-8")
    page = chromium.new_page()
    page.goto((tmp_path / "attacked.html").as_uri())
    assert page.evaluate("window.hacked") is None
    page.close()


def test_hostile_names_do_nothing_and_can_be_read(opened, report, hostile_names):
    """Every name is a row's visible text, in the overlay's list too, and none of them ran."""
    with opened(report("hostile")) as page:
        assert page.evaluate("window.hacked") is None
        shown = {" ".join(text.split()) for text in page.locator(".sortable tbody th bdi").all_inner_texts()}
        assert {" ".join(name.replace("\u202e", r"\u202e").split()) for name in hostile_names} <= shown
        assert page.locator(".overlay fieldset bdi").count() == len(hostile_names) + 1


def test_sorting_by_keyboard(opened, report):
    """Enter on a header sorts by it, again turns the order round, and the state is announced; blanks stay last."""
    with opened(report()) as page:
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


def test_the_filter_narrows_rows_and_cards(opened, report):
    """From fifteen variants on a box filters the leaderboard and the cards by name; below there is none."""
    with opened(report("forty")) as page:
        page.get_by_label("Show variants with").focus()
        page.keyboard.type("L2, ALL")
        assert page.locator(".sortable tbody tr:visible").count() == 7  # six of the sweep, and its tuned row
        assert page.locator(".card:visible").count() == 6
        assert page.locator(".filter output").inner_text() == "7 of 41"
    with opened(report()) as page:
        assert page.locator(".filter").count() == 0


def test_the_overlay_panel_by_keyboard(opened, report, nine):
    """Choosing variants and a metric draws lines; arrow keys read values; at most five; epochs can be narrowed."""
    with opened(report()) as page:
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


def test_the_overlay_panel_by_pointer(opened, report):
    """Moving over the plot reads the epoch below the pointer."""
    with opened(report()) as page:
        plot = page.locator(".overlay svg[aria-hidden]")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
        epoch = int(page.locator(".readout b").first.inner_text().removeprefix("Epoch "))
        assert 150 <= epoch <= 200


def test_downloads_open(opened, report, nine):
    """The embedded files are the exports, byte for byte."""
    with opened(report()) as page:
        for name, text in (
            ("leaderboard.csv", exports.leaderboard_csv(nine.summary)),
            ("trials.csv", "".join(exports.trials_blocks(nine.trials))),
        ):
            with page.expect_download() as caught:
                page.get_by_role("link", name=name).press("Enter")
            assert caught.value.suggested_filename == name
            assert Path(caught.value.path()).read_text(encoding="utf-8") == text


def test_copy_buttons_copy(report, chromium, nine):
    """The command lands on the clipboard, and the button says so."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(report())
    button = page.locator("#reproduce .copy").first
    button.press("Enter")
    button.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == nine.facts.command
    context.close()


def test_the_theme_needs_no_script(opened, report):
    """Without JavaScript the buttons switch the colours, and print is light even then."""
    with opened(report(), script=False) as page:
        ground = functools.partial(page.locator("body").evaluate, "(body) => getComputedStyle(body).backgroundColor")
        assert ground() == "rgb(255, 255, 255)"
        page.locator("label[for=theme-dark]").click()
        assert ground() == "rgb(15, 18, 22)"
        page.emulate_media(media="print")
        assert ground() == "rgb(255, 255, 255)"


def test_the_content_needs_no_script(opened, report):
    """Without JavaScript all sections, rows, figures and downloads are there, and what cannot work is not."""
    with opened(report(), script=False) as page:
        assert page.locator("section").count() == 10
        assert page.locator(".sortable tbody tr:visible").count() == 10
        assert page.locator(".m-accuracy svg:visible").count() == 10
        page.locator("label[for=metric-mse]").click()
        assert page.locator(".m-mse svg:visible").count() == 10
        assert page.locator(".m-accuracy svg:visible").count() == 0
        assert page.get_by_role("link", name="leaderboard.csv").is_visible()
        assert page.locator(".overlay").is_hidden()
        assert page.locator("button").count() == 0


def test_phones_get_the_narrow_figures(opened, report):
    """Below 40rem the forest plot is the one drawn for phones, and the first column stays in view."""
    with opened(report(), width=390) as page:
        assert page.locator("#differences .narrow svg").is_visible()
        assert page.locator("#differences .wide svg").is_hidden()
        scroll = page.locator("#leaderboard .scroll")
        scroll.evaluate("(box) => { box.scrollLeft = 200; }")
        left = page.locator(".sortable tbody th").first.bounding_box()["x"]
        assert left == pytest.approx(scroll.bounding_box()["x"], abs=2)


LINES_OF_FLAGS = """() => {
const found = [], texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
while (texts.nextNode())
  for (const flag of texts.currentNode.data.matchAll(/--[a-z-]+/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, flag.index);
    range.setEnd(texts.currentNode, flag.index + flag[0].length);
    found.push(range.getClientRects().length);
  }
return found;
}"""


def test_no_line_ends_inside_a_flag(opened, report):
    """On a small phone, where after the dashes of --learning-rate one would; what is folded has no lines."""
    with opened(report(), width=320) as page:
        lines = page.evaluate(LINES_OF_FLAGS)
        assert (len(lines) >= 5, max(lines)) == (True, 1)


def test_print_expands_failures_and_cuts_no_figure(opened, report):
    """On paper tracebacks are visible, panels that need a pointer are not, and figures do not break across pages."""
    with opened(report()) as page:
        page.emulate_media(media="print")
        assert page.locator(".failure pre").first.is_visible()
        assert page.locator(".overlay").is_hidden()
        assert page.locator(".theme").is_hidden()
        for part in ("figure", ".card", "tr"):
            assert page.locator(part).first.evaluate("(node) => getComputedStyle(node).breakInside") == "avoid"
        assert len(page.pdf(format="A4")) > 10_000
        assert len(page.pdf(format="Letter")) > 10_000


def test_motion_is_reduced_when_asked(report, chromium):
    """Nobody who asked for less motion gets smooth scrolling."""
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(report())
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    context.close()


def test_a_link_opens_the_section_of_its_data_set(opened, report):
    """Each is closed at first; a cell of the heat map opens its own and shows the row, print shows them all."""
    with opened(report("two")) as page:
        assert page.locator("details.dataset[open]").count() == 0
        assert page.locator(".dataset .sortable:visible").count() == 0
        page.locator(".heat tbody tr").nth(1).locator("td a").first.click()
        assert page.locator("details.dataset[open]").count() == 1
        assert page.locator("tr:target").is_visible()
        page.emulate_media(media="print")
        assert page.locator(".dataset .sortable").first.bounding_box()["height"] > 50


def test_the_overlay_reads_the_band_of_its_epoch(opened, report, two):
    """At any epoch, of an even number of them too, the mean lies within the band that is read beside it."""
    with opened(report("two")) as page:
        page.locator("details.dataset").first.evaluate("(one) => { one.open = true; }")
        panel = page.locator(".overlay").first
        slider, label = panel.get_by_label("Epoch to read"), panel.locator(".readout bdi").first.inner_text()
        curve = next(row for row in two.summary.datasets[0].variants if row.label == label).curves["val_accuracy"]
        for key, epoch in (("End", 20), ("ArrowLeft", 19), ("ArrowLeft", 18), ("Home", 1)):
            slider.press(key)
            said = panel.locator(".readout small").first.inner_text()
            low, high = (f"{100 * side[epoch - 1]:.1f}" for side in (curve.low, curve.high))
            assert said == f"90 % within {low} % to {high} %"
