"""The live view of a loop: a table where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.demo.watch import Loop
from orchestrator.render.terminal import printable

_COLOURS = {"success": "green", "SUCCEEDED": "green", "failed": "red", "FAILED": "red", "running": "cyan"}


class Narration(Console):
    """Standard error as people watch it; when nobody does any more, the work goes on."""

    def on_broken_pipe(self) -> None:
        """Say nothing from now on (rich would end the process with 1, which is a failed build)."""
        self.quiet = True


class Closing(Console):
    """Standard output for the closing table."""

    def on_broken_pipe(self) -> None:
        """Let the command decide what it means that the reader has gone."""
        raise BrokenPipeError


class View(Protocol):
    """What the demo tells its progress to."""

    def say(self, line: str) -> None:
        """Show something that has happened."""
        ...

    def show(self, loop: Loop) -> None:
        """Show how far the loop is."""
        ...


@contextmanager
def open_view(console: Console) -> Iterator[View]:
    """Return the view that suits the console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield _Screen(live)


class _Lines:
    """One line for each thing that happens, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = time.monotonic()

    def say(self, line: str) -> None:
        seconds = time.monotonic() - self._begin
        self._console.print(
            f"{seconds:6.1f} s  {printable(line)}", markup=False, highlight=False, soft_wrap=True, emoji=False
        )

    def show(self, loop: Loop) -> None:
        """Nothing: every change has had its line."""


class _Screen:
    """A table of stages and phases that is drawn again at every change."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._begin = time.monotonic()
        self._last = ""

    def say(self, line: str) -> None:
        self._last = printable(line)
        self._live.update(Text(f"{time.monotonic() - self._begin:6.1f} s  {self._last}"))

    def show(self, loop: Loop) -> None:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "stage", "phase", "state", "seconds"):
            table.add_column(heading, justify="right" if heading == "seconds" else "left")
        for mark, stage, phase, state, seconds in _rows(loop):
            table.add_row(mark, Text(stage), Text(phase), Text(state, _COLOURS.get(state, "")), seconds)
        elapsed = time.monotonic() - self._begin
        table.caption = Text(f"{elapsed:.0f} s  {self._last}")
        table.caption_justify = "left"
        self._live.update(table)


def _rows(loop: Loop) -> Iterator[tuple[str, str, str, str, str]]:
    for pipeline in loop.pipelines:
        yield "GitLab", f"pipeline {pipeline.id}", pipeline.source, pipeline.status, ""
        for job in loop.jobs[pipeline.id]:
            yield "", job.name, "", job.status, "" if job.seconds is None else f"{job.seconds:.1f}"
        if pipeline.source == "trigger":
            continue
        for build in loop.builds.values():
            yield "CodeBuild", build.project, "", build.status, ""
            for phase in build.phases:
                yield "", "", phase.name, phase.status or "running", _seconds(phase.seconds)


def _seconds(value: int | None) -> str:
    return "" if value is None else str(value)
