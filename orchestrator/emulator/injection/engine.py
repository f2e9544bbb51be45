"""Which answer a call gets: the script's rules in order, each with its own count and its own chance."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.emulator.injection.rules import Answer, Rule


@dataclass(frozen=True)
class Injected:
    """One line of the journal: call number `call` (from 1) that concerned `rule` was answered with `answer`."""

    number: int
    rule: str
    service: str
    operation: str
    call: int
    answer: dict[str, Any]


@dataclass
class _Turns:
    calls: int = 0
    used: int = 0


class Faults:
    """The script that is in force, and the journal of what it did; safe for threads.

    Chance depends on seed, rule and the count of calls that reached the rule, and on nothing else. So the same
    calls in the same order get the same answers, and the journal, which holds no times, is the same.
    """

    def __init__(self) -> None:
        self.active = False
        self._lock = threading.Lock()
        self._rules: tuple[Rule, ...] = ()
        self._turns: list[_Turns] = []
        self._journal: list[Injected] = []
        self._held: list[str] = []

    def use(self, rules: Sequence[Rule]) -> None:
        """Put `rules` in force, in place of those before; counts and journal begin anew."""
        with self._lock:
            self._rules = tuple(rules)
            self._turns = [_Turns() for _ in rules]
            self._journal = []
            self.active = bool(rules)

    def take(self, service: str, operation: str) -> Answer | None:
        """Return what to do with this call, or None for what is right; the first rule that acts decides."""
        if not self.active:
            return None
        with self._lock:
            for rule, turns in zip(self._rules, self._turns, strict=True):
                if not rule.matches(service, operation) or turns.used == rule.times:
                    continue
                turns.calls += 1
                if rule.probability < 1 and _chance(rule, turns.calls) >= rule.probability:
                    continue
                answer = rule.answers[turns.used % len(rule.answers)]
                turns.used += 1
                return self._noted(answer, rule, turns, service, operation)
        return None

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Tell of a call that is being held, as long as the block lasts."""
        with self._lock:
            self._held.append(name)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(name)

    def told(self) -> dict[str, Any]:
        """Return rules with their counts, the calls that are being held, and the journal, as JSON."""
        with self._lock:
            return {
                "rules": [
                    {
                        "name": rule.name,
                        "service": rule.service,
                        "operation": rule.operation,
                        "answers": [answer.told() for answer in rule.answers],
                        "times": rule.times,
                        "probability": rule.probability,
                        "seed": rule.seed,
                        "calls": turns.calls,
                        "used": turns.used,
                    }
                    for rule, turns in zip(self._rules, self._turns, strict=True)
                ],
                "held": list(self._held),
                "journal": [asdict(line) for line in self._journal],
            }

    def _noted(self, answer: Answer, rule: Rule, turns: _Turns, service: str, operation: str) -> Answer | None:
        if answer.kind == "pass":
            return None
        number = len(self._journal) + 1
        self._journal.append(Injected(number, rule.name, service, operation, turns.calls, answer.told()))
        return answer


def _chance(rule: Rule, call: int) -> float:
    """Return a number from 0 to 1 that this call of this rule always gets."""
    return random.Random(f"{rule.seed}:{call}").random()  # noqa: S311 - must be repeatable, guards nothing
