"""Templates of the user's own: they see what the page shows, read their own folder, run no code and end.

A mistake in one is a line that names its file and the line in it.
"""

from __future__ import annotations

import functools
import math
import os
import resource
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import ChoiceLoader, FileSystemLoader, Template, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from regfleet import files
from regfleet.errors import InputError
from regfleet.memory import limited
from regfleet.text import one_line, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from jinja2 import Environment

SECONDS = 20
"""Of computing that a page of the user's own templates may take; ours take a tenth of one."""
BYTES = 2 * files.GB
"""Of memory beside what the process has already."""
LARGEST_POWER = 10**6
"""Bits of a power: a larger one is computed for so long that nothing could end it."""
_MADE, _WRONG = b"+", b"-"
_CALLED = ("builtins", "jinja2", "markupsafe")
"""Where that is defined which a template may call: methods of texts, numbers and lists, macros, loops."""


class _Page(Template):
    def render(self, *args: Any, **kwargs: Any) -> str:
        render = functools.partial(super().render, *args, **kwargs)
        return self.environment.apart(render)  # type: ignore[attr-defined, no-any-return]


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without its open ends: of objects of ours only what they hold, no method of theirs.

    The user's ``own`` templates, if any, stand before ``ours``, and what goes wrong is their fault: InputError.
    """

    template_class = _Page
    intercepted_binops = frozenset({"**"})

    def __init__(self, own: Path | None, ours: Path, **settings: Any) -> None:
        folders = [folder for folder in (own, ours) if folder is not None]
        super().__init__(loader=ChoiceLoader([_Folder(folder) for folder in folders]), **settings)
        self._own = own
        self._inside = False

    def get_template(self, *args: Any, **kwargs: Any) -> Template:
        """A template, compiled."""
        with self.guarded():
            return super().get_template(*args, **kwargs)

    def apart(self, render: Callable[[], str]) -> str:
        """What ``render`` returns; with templates of the user's own in a process that ends whatever it computes.

        A comparison of nested lists, say, is one call in C, which neither a signal's handler nor Ctrl-C interrupts.
        """
        if self._own is None or self._inside:
            return render()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _answer(writing, self.guarded(), render)
        os.close(writing)
        try:
            with os.fdopen(reading, "rb") as pipe:
                answer = pipe.read()
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            os.waitpid(child, 0)
        text = answer[1:].decode("utf-8", "surrogatepass")
        if answer[:1] == _MADE:
            return text
        raise InputError(text or f"--templates: expected what makes a page; got {self._own}: no end within {SECONDS} s")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Within limits, and with a line for what goes wrong; includes are inside it already."""
        if self._own is None or self._inside:
            yield
            return
        self._inside = True
        try:
            with limited(BYTES), _timed():
                yield
        except InputError:
            raise
        except Exception as problem:
            place = _place(problem) or self._own
            raise InputError(f"--templates: expected what makes a page; got {place}: {_words(problem)}") from problem
        finally:
            self._inside = False

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether a template may call ``obj``."""
        whose = getattr(obj, "__self__", obj)
        if isinstance(whose, FunctionType):
            home = str(whose.__globals__["__name__"])
        else:
            home = whose.__module__ if isinstance(whose, type) else type(whose).__module__
        known = home.partition(".")[0] in _CALLED and not isinstance(whose, ModuleType)
        return known and super().is_safe_callable(obj)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """A power, if it can be computed."""
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > LARGEST_POWER:
            raise OverflowError("a power of so many digits")
        return super().call_binop(context, operator, left, right)

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *rest: Any, **more: Any
    ) -> Any:
        """A template's code; what Python finds wrong with it has a place too."""
        try:
            return super().compile(source, name, filename, *rest, **more)
        except (SyntaxError, ValueError, RecursionError) as problem:
            raise TemplateSyntaxError(one_line(problem), 1, name, filename) from None


class _Folder(FileSystemLoader):
    """The files of one folder, which no link leads out of."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002
        """The text of a template, its file, and whether that is still the same."""
        folder = Path(self.searchpath[0])
        source = folder / template
        if ".." in Path(template).parts or Path(template).is_absolute() or not source.exists():
            raise TemplateNotFound(template)
        if not source.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"--templates: expected files inside {folder}; got {source}, a link out of it")
        try:
            return files.read_text(source), str(source), lambda: True
        except OSError as problem:
            raise InputError(
                f"--templates: expected a file that can be read; got {source}: {reason(problem)}"
            ) from None


def _answer(writing: int, guarded: AbstractContextManager[None], render: Callable[[], str]) -> NoReturn:
    """Write the page, or what is wrong with it, and end; the system ends what takes too long."""
    try:
        most = math.ceil(SECONDS) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        with os.fdopen(writing, "wb") as pipe:
            try:
                with guarded:
                    text, kind = render(), _MADE
            except InputError as problem:
                text, kind = str(problem), _WRONG
            pipe.write(kind + text.encode("utf-8", "surrogatepass"))
    finally:
        os._exit(0)


def _words(problem: Exception) -> str:
    if isinstance(problem, MemoryError):
        return f"more memory than {files.size(BYTES)}"
    if isinstance(problem, RecursionError):
        return "templates or macros that call themselves for ever"
    if isinstance(problem, SecurityError) and "not safely callable" in str(problem):
        return "a call that is unsafe: templates call macros and methods of texts, numbers and lists"
    if isinstance(problem, TemplateNotFound):
        return f"no template {one_line(problem)}"
    return reason(problem)


def _place(problem: Exception) -> str:
    """``FILE:LINE`` of the template where it went wrong; empty where that is not known."""
    if isinstance(problem, TemplateSyntaxError):
        return f"{problem.filename or problem.name}:{problem.lineno}"
    place, trace = "", problem.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if not file.endswith((".py", ">")):  # Jinja gives a template's frame the template's name
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextmanager
def _timed() -> Iterator[None]:
    """No more than SECONDS; in a thread of its own nothing can end what takes long."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise TimeoutError(f"no end within {SECONDS} s")

    handler = signal.signal(signal.SIGVTALRM, end)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
