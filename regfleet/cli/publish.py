"""`regfleet publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regfleet.cli import options
from regfleet.numbers import count
from regfleet.running.output import say, tell


def publish(
    directories: Annotated[list[str], typer.Argument(help="Results directories, or their URLs.")],
    site: Annotated[Path, typer.Option(help="The folder of the site; made if it is not there.")],
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the site is on the web: an Atom feed is written, too.")
    ] = "",
    templates: Annotated[Path | None, options.TEMPLATES] = None,
) -> None:
    """Put reports into a static site with an index that can be searched; works from disk and from any web server.

    What is already published stays, and nothing is touched that regfleet did not write. Results without a report get
    theirs first. Two or more runs of a study make a page that shows it over time.
    """
    from regfleet.concluding.judge import conclude
    from regfleet.report import publish as publishing
    from regfleet.results import place_of

    for directory in directories:
        place = place_of(directory)
        if not place.exists("report.html") and place.exists("study.toml"):
            say(f"writing the report of {directory}")
            conclude(place)
    done = publishing.publish(directories, site, templates, base_url)
    tell(f"{count(len(done.written), 'file')} written, {count(done.reports, 'report')} in {done.index}")
    if done.trends:
        tell(f"{count(done.trends, 'study', 'studies')} over time in {done.index.parent / publishing.TRENDS}")
    if done.new and not done.feed:
        say("note: for an Atom feed too, say where the site will be on the web: --base-url https://reports.example/")
