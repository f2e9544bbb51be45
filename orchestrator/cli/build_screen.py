"""How running builds look: lines at a terminal, collapsible sections in a GitLab job."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from orchestrator.records import BuildRecord, LogLine, PhaseRecord
from orchestrator.redaction import KNOWN
from orchestrator.render.log_limit import JOB_LOG_BYTES, LogLimit
from orchestrator.render.log_text import log_lines
from orchestrator.render.outcome_table import duration
from orchestrator.render.sections import Paint, border, section_end, section_start
from orchestrator.render.terminal import printable
from orchestrator.vocabulary import BuildStatus
from orchestrator.watching.model import Changed, Ended, Lost, Missed, Seen, Trouble, Wrote

Write = Callable[[str], None]
# So many lines go out with one write.
_LINES = 500
_SPOOL_BYTES = 64 * 1024
# What happens before there is a log.
_BEFORE_LOG = {"SUBMITTED", "QUEUED", "PROVISIONING"}
_FINE = {"", BuildStatus.SUCCEEDED}


class LineScreen:
    """Lines as they come; with several builds each begins with the package that it is of.

    `packages` are the packages by build id. `write` takes a text of whole lines without the last line feed.
    """

    def __init__(self, packages: Mapping[str, str], write: Write, paint: Paint) -> None:
        self._packages = packages
        self._write = write
        self._paint = paint
        self._phases: dict[str, str] = {}
        self._width = max((len(name) for name in packages.values()), default=0)

    def tell(self, seen: Seen) -> None:
        """Show what a watcher has seen."""
        if isinstance(seen, Wrote):
            self._log(seen)
        elif isinstance(seen, Changed):
            for line in _news(seen.record, self._phases):
                self._say(seen.record.id, line)
        elif isinstance(seen, Missed):
            self._say(seen.build_id, _gap(seen))
        elif isinstance(seen, Ended):
            self._say(seen.record.id, summary(seen.record), good=seen.record.status == BuildStatus.SUCCEEDED)
        elif isinstance(seen, Lost):
            self._say(seen.build_id, f"not watched any longer: {seen.why}", good=False)
        elif isinstance(seen, Trouble):
            self._write(self._paint.quiet(f"{printable(seen.what)}: trying again"))

    def close(self) -> None:
        """Show nothing more; there is nothing to end."""

    def _log(self, seen: Wrote) -> None:
        before = self._prefix(seen.build_id)
        for lines in _written(seen.lines):
            self._write("\n".join(f"{before}{line}" for line in lines))

    def _say(self, build_id: str, text: str, *, good: bool | None = None) -> None:
        if text:
            self._write(f"{self._prefix(build_id)}{_painted(self._paint, printable(text), good)}")

    def _prefix(self, build_id: str) -> str:
        if len(self._packages) < 2:
            return ""
        return self._paint.header(f"{self._packages.get(build_id, build_id):<{self._width}} | ")


@dataclass
class _Lane:
    """The log of one build: the section that is open in it, and what waits to be shown."""

    package: str
    limit: LogLimit
    section: str = ""
    number: int = 0
    moment: int = 0
    over: bool = False
    waiting: IO[str] = field(default_factory=lambda: _spool())


class SectionScreen:
    """A section of GitLab's log view for every phase, which shows how long it took beside its header.

    Sections cannot overlap. So one build at a time is shown as it writes; what the others write waits, in files when
    it is much, until the section of that build ends; then it is the turn of the next one. The borders are those that
    CodeBuild writes into the log, with their times. Of a log that is too long for a job its beginning and its last
    lines are shown.
    """

    def __init__(self, packages: Mapping[str, str], write: Write, paint: Paint) -> None:
        self._limit_bytes = JOB_LOG_BYTES // max(1, len(packages))
        self._lanes = {build_id: self._new(package) for build_id, package in packages.items()}
        self._write = write
        self._paint = paint
        self._phases: dict[str, str] = {}
        self._front: str | None = None
        self._texts: list[str] = []

    def tell(self, seen: Seen) -> None:
        """Show what a watcher has seen, now or when it is the turn of the build."""
        if isinstance(seen, Wrote):
            for number, line in enumerate(seen.lines, 1):
                # Progress bars draw over themselves.
                if number == len(seen.lines) or not line.text.endswith("\r"):
                    self._line(seen.build_id, line)
            self._settle(seen.build_id)
        elif isinstance(seen, Changed):
            for news in _news(seen.record, self._phases):
                self._aside(seen.record.id, news)
        elif isinstance(seen, Missed):
            self._out(seen.build_id, self._paint.quiet(printable(_gap(seen))))
            self._settle(seen.build_id)
        elif isinstance(seen, (Ended, Lost)):
            self._end(seen)
        elif isinstance(seen, Trouble):
            self._show(self._paint.quiet(f"{printable(seen.what)}: trying again"))
        self._flush()

    def close(self) -> None:
        """Show what is left, and end every section: nothing more comes."""
        for build_id, lane in self._lanes.items():
            self._leave(build_id, lane)
        self._front = None
        for lane in self._lanes.values():
            self._pour(lane)
            lane.waiting.close()
        self._flush()

    def _end(self, seen: Ended | Lost) -> None:
        build_id = seen.record.id if isinstance(seen, Ended) else seen.build_id
        lane = self._lane(build_id)
        self._leave(build_id, lane)
        for line in lane.limit.end():
            self._out(build_id, line)
        good = isinstance(seen, Ended) and seen.record.status == BuildStatus.SUCCEEDED
        text = summary(seen.record) if isinstance(seen, Ended) else f"not watched any longer: {seen.why}"
        self._out(build_id, _painted(self._paint, f"{lane.package}: {printable(text)}", good))
        self._settle(build_id)

    def _line(self, build_id: str, line: LogLine) -> None:
        lane = self._lane(build_id)
        shown = list(log_lines([line.text], KNOWN.cleaned))
        found = border(shown[0])
        begins = found.phase if found and not found.state else ""
        if begins or (lane.over and not found):
            self._leave(build_id, lane)
            self._settle(build_id)
        lane.moment = line.moment
        if begins:
            self._enter(build_id, lane, begins)
        lane.over = lane.over or bool(found and found.state)
        self._limited(build_id, lane, shown, keep=found is not None)

    def _limited(self, build_id: str, lane: _Lane, shown: Sequence[str], *, keep: bool) -> None:
        """Show lines as far as a job can hold them; borders of phases always."""
        reached = lane.limit.reached
        taken = [line for line in shown if keep or lane.limit.takes(line)]
        if taken:
            self._out(build_id, "\n".join(taken))
        if lane.limit.reached and not reached:
            rest = f"[a job cannot hold the rest of this log; it is told by `orchestrator logs {build_id}`]"
            self._out(build_id, self._paint.quiet(rest))

    def _enter(self, build_id: str, lane: _Lane, phase: str) -> None:
        lane.number += 1
        lane.section = f"{lane.package}_{lane.number}_{phase.lower()}"
        lane.over = False
        header = self._paint.header(f"{lane.package}: {phase}")
        self._out(build_id, section_start(_seconds(lane), lane.section, header))

    def _leave(self, build_id: str, lane: _Lane) -> None:
        if lane.section:
            self._out(build_id, section_end(_seconds(lane), lane.section))
        lane.section, lane.over = "", False

    def _out(self, build_id: str, text: str) -> None:
        """Show a text of a build if it is its turn; else keep it."""
        if self._front is None:
            self._front = build_id
        if self._front == build_id:
            self._show(text)
        else:
            self._lane(build_id).waiting.write(f"{text}\n")

    def _aside(self, build_id: str, text: str) -> None:
        """Show at once what does not belong into a section."""
        if text:
            self._show(self._paint.quiet(f"{self._lane(build_id).package}: {printable(text)}"))

    def _show(self, text: str) -> None:
        self._texts.append(text)
        if len(self._texts) > _LINES:
            self._flush()

    def _flush(self) -> None:
        texts, self._texts = self._texts, []
        if texts:
            self._write("\n".join(texts))

    def _settle(self, build_id: str) -> None:
        """Let the others speak when the build that has the word is between two sections."""
        if self._front != build_id or self._lane(build_id).section:
            return
        self._front = None
        for other, lane in self._lanes.items():
            if self._pour(lane) and lane.section:
                self._front = other
                return

    def _pour(self, lane: _Lane) -> bool:
        """Show what a build has written meanwhile; False if that is nothing."""
        if not lane.waiting.tell():
            return False
        lane.waiting.seek(0)
        while piece := lane.waiting.readlines(_SPOOL_BYTES):
            self._show("".join(piece).removesuffix("\n"))
            self._flush()
        lane.waiting.seek(0)
        lane.waiting.truncate()
        return True

    def _lane(self, build_id: str) -> _Lane:
        if build_id not in self._lanes:
            self._lanes[build_id] = self._new(build_id.partition(":")[0])
        return self._lanes[build_id]

    def _new(self, package: str) -> _Lane:
        return _Lane(package, LogLimit(self._limit_bytes))


def summary(record: BuildRecord) -> str:
    """Return how a build has ended, and the times of its phases."""
    phases = [f"{phase.name} {duration(phase.seconds)}" for phase in record.phases if phase.seconds]
    return f"{record.status}: {', '.join(phases)}" if phases else record.status


def _news(record: BuildRecord, known: dict[str, str]) -> list[str]:
    """Return what a record says that no line of the log does: phases before there is a log, and failed ones."""
    lines = []
    for number, phase in enumerate(record.phases):
        key = f"{record.id} {number}"
        if known.get(key) == phase.status and key in known:
            continue
        begun = key in known
        known[key] = phase.status
        if phase.status not in _FINE:
            lines.append(_failed(phase))
        elif not begun and not phase.status and phase.name in _BEFORE_LOG:
            lines.append(phase.name)
    return lines


def _spool() -> IO[str]:
    # `newline`: the carriage returns in the borders of sections stay what they are.
    return tempfile.SpooledTemporaryFile(
        max_size=_SPOOL_BYTES, mode="w+", encoding="utf-8", errors="replace", newline="\n"
    )


def _failed(phase: PhaseRecord) -> str:
    took = f" after {duration(phase.seconds)}" if phase.seconds else ""
    return f"{phase.name} {phase.status}{took}" + (f": {phase.message}" if phase.message else "")


def _gap(seen: Missed) -> str:
    return f"[a piece of the log is missing here: {seen.why}]"


def _written(lines: Sequence[LogLine]) -> Iterator[list[str]]:
    """Give the lines of events as they may be shown, so many at a time as one write takes."""
    shown = log_lines((line.text for line in lines), KNOWN.cleaned)
    while piece := list(islice(shown, _LINES)):
        yield piece


def _painted(paint: Paint, text: str, good: bool | None) -> str:  # noqa: FBT001
    if good is None:
        return paint.quiet(text)
    return paint.good(text) if good else paint.bad(text)


def _seconds(lane: _Lane) -> int:
    return lane.moment // 1000 or int(time.time())
