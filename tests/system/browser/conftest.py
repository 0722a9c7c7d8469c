"""A real browser. Where Chromium is missing its tests fail; they never skip."""

import functools
import shutil
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WCAG = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],  # or it describes every element that passes as well
}


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def files(rendered, tmp_path_factory):
    """The reports that are opened, by name."""
    folder = tmp_path_factory.mktemp("reports")
    studies = {name: name for name in ("nine", "forty", "two", "foreign")}
    for name, study in (studies | {"looks": "with_looks", "hostile": "with_hostile_names"}).items():
        (folder / f"{name}.html").write_text(rendered(study), encoding="utf-8")
    return folder


@contextmanager
def open_page(chromium, address, *, width=1280, script=True):
    """A page at ``address`` that fails on any console error and any request that leaves the file."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="light",
        java_script_enabled=script,
        accept_downloads=True,
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


@pytest.fixture(scope="session")
def opened(chromium):
    """A context manager that opens an address in a page and fails on whatever goes wrong in it."""
    return functools.partial(open_page, chromium)


@pytest.fixture(scope="session")
def report(files):
    """The address of a report by its name."""
    return lambda name="nine": (files / f"{name}.html").as_uri()


@pytest.fixture(scope="session")
def violations():
    """What axe finds on a page in light, in dark and on a phone, told in full."""

    def look(page):
        told = []
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            seen = Axe().run(page, options=WCAG)
            told += [f"{scheme}, {width}: {seen.generate_report()}"] * bool(seen.violations_count)
        return told

    return look


@pytest.fixture(scope="session")
def overflows():
    """The widths, from a small phone to a wide screen, at which a page scrolls sideways."""

    def look(page):
        wide = []
        for width in (320, 390, 768, 1280, 2560):
            page.set_viewport_size({"width": width, "height": 900})
            wide += [width] * (page.evaluate("document.documentElement.scrollWidth") > width)
        return wide

    return look
