"""A table of builds that changes while somebody looks at it, and the same as lines where nobody does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from orchestrator.cli.screen import narrate, print_data
from orchestrator.plan.model import BuildPlan
from orchestrator.records import BuildRecord
from orchestrator.redaction import KNOWN
from orchestrator.render.builds_table import one_line, phase_of

# Ages and durations grow while nothing happens.
_REFRESHES_PER_SECOND = 1


class Board(Protocol):
    """Where builds are shown. `records` are those that are shown now, the newest first."""

    records: Sequence[BuildRecord]

    def __enter__(self) -> object:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state there."""
        ...

    def show(self, records: Sequence[BuildRecord]) -> None:
        """Show these builds."""
        ...

    def update(self, record: BuildRecord) -> None:
        """Show what has become of a build."""
        ...

    def say(self, line: str) -> None:
        """Say something beside the table."""
        ...


class ScreenBoard:
    """A table that is drawn over itself. `table` makes its text."""

    def __init__(self, table: Callable[[Sequence[BuildRecord]], str]) -> None:
        self.records: Sequence[BuildRecord] = ()
        self._table = table
        # What is drawn is redacted as all output is; the size of the terminal is asked for anew each time.
        self._live = Live(
            console=Console(highlight=False, soft_wrap=True),
            get_renderable=self._drawn,
            refresh_per_second=_REFRESHES_PER_SECOND,
            vertical_overflow="ellipsis",
        )

    def __enter__(self) -> ScreenBoard:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, records: Sequence[BuildRecord]) -> None:
        """Show these builds."""
        self.records = records
        self._live.refresh()

    def update(self, record: BuildRecord) -> None:
        """Show what has become of a build."""
        self.show(_with(self.records, record))

    def say(self, line: str) -> None:
        """Say something above the table."""
        self._live.console.print(Text(one_line(line)))

    def _drawn(self) -> Text:
        if not self.records:
            return Text("no build was found")
        return Text.from_ansi(KNOWN.cleaned(self._table(self.records)), no_wrap=True, overflow="crop")


class LinesBoard:
    """A line for each change, for a file or a pipe. `items` are the packages by CodeBuild project."""

    def __init__(self, items: Mapping[str, BuildPlan]) -> None:
        self.records: Sequence[BuildRecord] = ()
        self._items = items
        self._said: dict[str, str] = {}

    def __enter__(self) -> LinesBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, records: Sequence[BuildRecord]) -> None:
        """Print what is new about these builds, the oldest first."""
        self.records = records
        for record in reversed(records):
            self._print(record)

    def update(self, record: BuildRecord) -> None:
        """Print what has become of a build."""
        self.records = _with(self.records, record)
        self._print(record)

    def say(self, line: str) -> None:
        """Say something on standard error."""
        narrate(line)

    def _print(self, record: BuildRecord) -> None:
        item = self._items.get(record.project)
        parts = (record.id, item.package if item else record.project, record.status, phase_of(record))
        line = "  ".join(one_line(part) for part in parts if part)
        if self._said.get(record.id) != line:
            self._said[record.id] = line
            print_data(line)


def _with(records: Sequence[BuildRecord], record: BuildRecord) -> list[BuildRecord]:
    return [record if one.id == record.id else one for one in records]
