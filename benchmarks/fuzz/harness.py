"""Runs regfleet in processes of their own, within limits, and judges how each of them ended."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SECONDS, CPU_SECONDS = 300.0, 15
"""A command ends within; the first on the clock of a busy machine, the second of the processor."""
RESIDENT, ADDRESSES = 2_500_000_000, 4_000_000_000
"""Bytes that a command may hold, and reserve beyond what its process began with."""
NOBODY = 65534
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no output holds: escapes, marks that turn text round, and bytes that are not UTF-8."""
OUR_MISTAKE = 70
FILE = re.compile(r"/\S+/regfleet-\S+\.txt")
"""Where the traceback of a mistake of regfleet's own is, which exits with 70."""
PLACE = re.compile(r'File "[^"]*/(regfleet/[^"]+)", line (\d+)')


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal; whether it had to be ended; what it wrote."""

    code: int
    out: str
    err: str
    hung: bool = False
    memory: int = 0


@dataclass
class Case:
    """One input: the kind's number ``number``, its random stream and an empty folder."""

    kind: str
    number: int
    draw: Random
    folder: Path
    seeds: Path
    refused: bool = False
    findings: list[tuple[str, str]] = field(default_factory=list)

    def found(self, what: str, detail: str = "") -> None:
        """Something went wrong that may not."""
        self.findings.append((what, detail[:2000]))

    def command(
        self, *arguments: object, before: Callable[[], object] | None = None, seconds: float = SECONDS
    ) -> Ended:
        """Run the command line, judge how it ended, and return that; ``before`` is called in its process."""
        given = [str(one) for one in arguments]

        def run() -> None:
            from regfleet.cli import main

            sys.argv = ["regfleet", *given]
            if before:
                before()
            main()

        ended = in_process(run, self.folder, seconds)
        self.judge(ended, " ".join(given))
        return ended

    def call(self, function: Callable[[], Any]) -> Any:
        """What ``function`` returns in a process of its own, as JSON brings it back; None where it did not end well."""

        def run() -> None:
            print(json.dumps(function()))

        ended = in_process(run, self.folder, SECONDS)
        if ended.code == 0 and not ended.hung:
            return json.loads(ended.out)
        self.judge(ended, getattr(function, "__name__", "check"))
        return None

    def judge(self, ended: Ended, what: str) -> None:
        """Note a finding unless the command succeeded, or refused its input in lines of its own."""
        err = ended.err
        if ended.code == OUR_MISTAKE:
            err += "".join(Path(file).read_text() for file in FILE.findall(err))
        if ended.hung or ended.code == -signal.SIGXCPU:
            self.found("hang", what)
        elif ended.code < 0:
            self.found(f"signal {-ended.code}", what)
        elif "Traceback (most recent call last)" in err:
            places = PLACE.findall(err)
            self.found(f"traceback {':'.join(places[-1]) if places else ''}", f"{what}\n{_last(err)}")
        elif ended.code not in {0, 1, 2, 3}:
            self.found(f"exit code {ended.code}", f"{what}\n{ended.err}")
        elif ended.code in {2, 3}:
            self.refused = True
            lines = ended.err.splitlines()
            if not lines or not all(line.startswith("regfleet: ") for line in lines):
                self.found("not one line", f"{what}\n{ended.err}")
        if ended.memory > RESIDENT:
            self.found("memory", f"{what}: {ended.memory / 1e9:.1f} GB")
        self._judge_output(ended.out, what)
        self._judge_output(ended.err, what)

    def _judge_output(self, text: str, what: str) -> None:
        said = text.partition("\ntraceback")[0]
        if control := CONTROLS.search(said):
            near = said[max(0, control.start() - 40) : control.end() + 20]
            self.found("control character in output", f"{what}: {near!a}")


def _last(err: str) -> str:
    lines = err.strip().splitlines()
    return lines[-1] if lines else ""


def in_process(function: Callable[[], object], folder: Path, seconds: float = SECONDS) -> Ended:
    """Fork, and let the child call ``function`` in ``folder`` within limits; what it started ends with it."""
    out, err = (folder.with_name(f"{folder.name}.{name}") for name in ("out", "err"))
    child = os.fork()
    if child == 0:
        _child(function, folder, out, err)
    deadline, hung = time.monotonic() + seconds, False
    while not (hung or os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG)):
        hung = time.monotonic() > deadline
        time.sleep(0.003)
    os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    texts = [path.read_bytes().decode("utf-8", "surrogateescape")[:1_000_000] for path in (out, err)]
    out.unlink(), err.unlink()
    return Ended(os.waitstatus_to_exitcode(status), *texts, hung, usage.ru_maxrss * 1024)


def _child(function: Callable[[], object], folder: Path, out: Path, err: Path) -> None:
    code = 99
    try:
        os.setpgid(0, 0)
        for number, path in ((0, os.devnull), (1, out), (2, err)):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, flags, 0o666), number)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="strict", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
        os.chdir(folder)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESSES, size + ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.geteuid() == 0 and _nobody_reads(Path(sys.base_prefix)):  # so that nothing done here can do harm
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        os.environ["HOME"] = str(folder)
        try:
            function()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - the parent judges it
        code = 99
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _nobody_reads(folder: Path) -> bool:
    return all(one.stat().st_mode & 0o005 == 0o005 for one in (folder, *folder.parents))


@dataclass(frozen=True)
class Verdict:
    """What became of an input."""

    number: int
    refused: bool
    findings: tuple[tuple[str, str], ...]
    seconds: float


@dataclass(frozen=True)
class Game:
    """A kind, what plays an input of it, and where; no input begins after ``until``."""

    kind: str
    play_one: Callable[[Case], None]
    seed: int
    base: Path
    until: float
    keep: bool

    def play(self, number: int) -> Verdict:
        """Make the input of that number, play it, and say what was found; its folder stays if it is to be kept."""
        top = self.base / f"{self.kind}-{number}"
        folder = top / "here" / "within"  # ../../x stays inside
        if top.exists():
            remove(top)
        folder.mkdir(parents=True)
        for one in (top, *top.rglob("*")):
            one.chmod(0o777)
        draw = Random(f"{self.seed} {self.kind} {number}")  # noqa: S311
        case = Case(self.kind, number, draw, folder, self.base / f"{self.kind}-seeds")
        started = time.monotonic()
        try:
            self.play_one(case)
        except Exception:  # noqa: BLE001 - a mistake of the script itself must be seen, not end it
            case.found("the script itself", traceback.format_exc())
        if not (self.keep and case.findings):
            remove(top)
        return Verdict(number, case.refused, tuple(case.findings), time.monotonic() - started)

    def play_all(self, numbers: range, jobs: int) -> list[Verdict]:
        """Play the inputs of these numbers, as many at once as there are ``jobs``."""
        workers = {}
        for job in range(jobs):
            file = self.base / f"{self.kind}.{job}.jsonl"
            child = os.fork()
            if child == 0:
                try:
                    with file.open("w", buffering=1) as told:
                        for number in numbers[job::jobs]:
                            if time.monotonic() > self.until:
                                break
                            told.write(json.dumps(asdict(self.play(number))) + "\n")
                    os._exit(0)
                finally:
                    traceback.print_exc()
                    os._exit(1)
            workers[child] = file
        verdicts = []
        for child, file in workers.items():
            if os.waitpid(child, 0)[1]:
                raise SystemExit(f"{self.kind}: a process of the fuzzer itself ended")
            for line in file.read_text().splitlines():
                fields = json.loads(line)
                verdicts.append(Verdict(**fields | {"findings": tuple(map(tuple, fields["findings"]))}))
        return sorted(verdicts, key=lambda verdict: verdict.number)


def remove(folder: Path) -> None:
    """Delete a folder, whatever its permissions are."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o777)
    shutil.rmtree(folder, ignore_errors=True)
