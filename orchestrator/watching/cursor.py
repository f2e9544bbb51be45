"""How far a log has been told, so that no line is told twice and none is left out, however its pieces are read."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

from orchestrator.records import LogLine


@dataclass
class Cursor:
    """Everything before `moment` (milliseconds) has been told, and the first `seen` of the lines written just then."""

    moment: int
    seen: int = 0


class Reading:
    """One way through a log, from the cursor's moment or earlier to the end, over any number of pieces.

    A stream keeps its lines in the order of their moments, and those of one moment in the order of their arrival
    (CloudWatch Logs API: PutLogEvents); lines of one moment can therefore be told apart by counting them. Several
    ways may go through a log at the same time.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._moment = self._met = 0

    def fresh(self, lines: Iterable[LogLine]) -> list[LogLine]:
        """Return those of the next lines that were not told before, and move the cursor behind them."""
        cursor = self._cursor
        told = []
        for line in lines:
            if line.moment < cursor.moment:
                continue
            if line.moment > cursor.moment:
                cursor.moment, cursor.seen = line.moment, 0
            if line.moment > self._moment:
                self._moment, self._met = line.moment, 0
            self._met += 1
            if self._met > cursor.seen:
                cursor.seen = self._met
                told.append(line)
        return told

    def finds_more(self, lines: Iterable[LogLine]) -> bool:
        """Tell whether some of the next lines were not told before, without taking them."""
        return bool(deepcopy(self).fresh(lines))
