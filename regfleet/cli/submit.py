"""`regfleet submit`, `regfleet jobs` and `regfleet stop`: studies that run as jobs of a cluster."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.errors import FleetError, InputError
from regfleet.paths import expanded
from regfleet.running.output import say, tell
from regfleet.text import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regfleet.jobs import Jobs


Address = Annotated[
    str,
    typer.Option(
        help="The head's dashboard, where the Jobs API answers.", metavar="http://HOST:8265", show_default=False
    ),
]


def submit(
    address: Address,
    command: Annotated[
        list[str], typer.Argument(help="After --, the command as it would run here.", metavar="compare …")
    ],
    name: Annotated[
        str | None,
        typer.Option("--id", help="The job's id (default: a hash of command and files).", show_default=False),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it, say how to follow and stop it, and end.")] = False,
) -> None:
    """Run a study as a job of a Ray cluster, follow it here, and bring its report back.

    The study file, data files, a model file or module it names (100 MB at most) and this regfleet go along. Submitting
    the same again follows the job that runs. Ctrl-C leaves the job running.

    regfleet submit --address http://10.0.0.5:8265 -- compare churn.csv --target churned --seeds 10
    """
    from regfleet.cli.order import order_of
    from regfleet.jobs import CODE, check_name, entrypoint, fingerprint, start
    from regfleet.running.display import FOLLOWED

    if name is not None:
        check_name(name)
    order = order_of(command)
    if masked(order.out) != order.out:
        raise InputError(
            f"submit: expected --out without keys, which the head has (docs/clusters.md); got {masked(order.out)}"
        )
    client, url = _reach(address)
    terminal = shutil.get_terminal_size()
    say(f"to {url}: {order.parcel.words}")
    with order.parcel.staged(order.texts) as folder:
        key = fingerprint(folder, order.command)
        remote = ["regfleet.jobs.remote", key, order.fetched, *order.command]
        started = start(
            client,
            name or f"regfleet-{key}",
            entrypoint(remote, CODE),
            folder,
            {"regfleet": masked(shlex.join(["regfleet", *command]))},
            # What the job prints is read in this terminal.
            {FOLLOWED: "1", "COLUMNS": str(terminal.columns), "LINES": str(terminal.lines)},
        )
    for ended in started.before:
        say(f"{ended} has ended; what it finished is kept and not run again")
    follows = "" if detach else ": following it"
    say(f"{started.name} {'runs already' + follows if started.attached else 'started'}")
    then = _Follow(client, url, started.name, Path(order.out) if order.fetched else None)
    if detach:
        then.say_how()
    else:
        then.to_the_end()


def jobs(
    address: Address,
    name: Annotated[
        str | None, typer.Argument(help="Follow this one, and fetch its report.", metavar="[ID]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="where its report goes (default: reports/ID)", show_default=False)
    ] = None,
) -> None:
    """List the jobs of a cluster; with an ID, follow that one to its end and fetch its report."""
    from regfleet.jobs import details, every

    client, url = _reach(address)
    if name:
        details(client, name)
        place = expanded(out or Path("reports") / name, "--out")
        if place.exists():
            from regfleet.results import claim

            with claim(place):  # refused now, not when the job has ended
                pass
        _Follow(client, url, name, place).to_the_end()
        return
    from rich.table import Table

    from regfleet.numbers import duration
    from regfleet.running.display import console

    table = Table("ID", "Status", "Age", "Command")
    for job in every(client):
        table.add_row(job["id"], job["status"], duration(time.time() - job["started"]), job["command"])
    with console(1) as screen:
        if table.row_count:
            screen.print(table)
        else:
            screen.print("no jobs")


def stop(
    name: Annotated[str, typer.Argument(help="The job's id.", metavar="ID", show_default=False)],
    address: Address,
) -> None:
    """Stop a job of a cluster; the trials it has finished are kept."""
    from regfleet.jobs import stop as end

    client, url = _reach(address)
    if end(client, name):
        say(f"{name} is stopping; what is finished: {_fetch_command(name, url, None)}")
    else:
        say(f"{name} had ended before")


def _reach(address: str) -> tuple[Jobs, str]:
    from regfleet.jobs import Jobs, ask

    answer = ask(address)
    for note in answer.notes:
        say(f"note: {note}")
    return Jobs(answer), answer.url


@dataclass(frozen=True)
class _Follow:
    """Follows a job: ``out`` is where its results go here, None when the job itself writes them to storage."""

    client: Jobs
    url: str
    name: str
    out: Path | None

    def say_how(self) -> None:
        """How to follow and stop the job from here."""
        say(f"to follow it and fetch its report: {_fetch_command(self.name, self.url, self.out)}")
        say(f"to stop it: {shlex.join(['regfleet', 'stop', self.name, '--address', self.url])}")

    def to_the_end(self) -> None:
        """Print the job's log until it ends, fetch its results, and end as it ended."""
        from regfleet.jobs import exit_code, follow

        try:
            with _showing() as show:
                archive = follow(self.client, self.name, show)
        except KeyboardInterrupt:
            say(f"no longer following {self.name}, which goes on")
            self.say_how()
            raise typer.Exit(3) from None
        except FleetError:
            self.say_how()
            raise
        if archive and self.out:
            _keep(archive, self.out)
        code, why = exit_code(self.client, self.name)
        if why:
            say(why)
        raise typer.Exit(code)


@contextmanager
def _showing() -> Iterator[Callable[[str], None]]:
    """A function that prints the lines of a job; on a terminal progress and leaderboard take the place of the last."""
    from rich.live import Live
    from rich.text import Text

    from regfleet.running.display import LEADERBOARD_MARK, PROGRESS_MARK, console

    if not sys.stdout.isatty():
        yield lambda line: None if line.startswith(LEADERBOARD_MARK) else tell(line.removeprefix(PROGRESS_MARK))
        return
    with console(1) as screen, Live(console=screen, transient=True, auto_refresh=False) as live:
        picture: list[str] = []

        def show(line: str) -> None:
            if line.startswith(LEADERBOARD_MARK):
                picture.append(line.removeprefix(LEADERBOARD_MARK))
            elif line.startswith(PROGRESS_MARK):
                picture[:] = [line.removeprefix(PROGRESS_MARK)]
            else:
                picture.clear()
                screen.print(line, soft_wrap=True)
            live.update(Text("\n".join(picture)), refresh=True)

        yield show


def _keep(archive: bytes, out: Path) -> None:
    from regfleet.jobs import unpack
    from regfleet.results import claim

    with claim(out):
        written = unpack(archive, out)
    say(f"fetched {written} files, {len(archive) / 1e3:,.0f} kB, into {out}: the report is {out / 'report.html'}")


def _fetch_command(name: str, url: str, out: Path | None) -> str:
    return shlex.join(["regfleet", "jobs", name, "--address", url, *(["--out", str(out)] if out else [])])
