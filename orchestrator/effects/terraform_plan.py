"""What Terraform's machine-readable output says: changes, problems, and lines for a person.

Source of the vocabulary: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_ACTIONS = {
    "create": ("create",),
    "update": ("update",),
    "delete": ("delete",),
    "replace": ("delete", "create"),
    "move": ("move",),
    "import": ("import",),
    "remove": ("forget",),
    "forget": ("forget",),
}
# Said of every plan with targets: whoever names targets means just that.
_EXPECTED = {"Resource targeting is in effect", "Applied changes may be incomplete"}
_QUIET = {"version", "planned_change", "resource_drift", "refresh_complete", "outputs"}
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BOX = re.compile(r"^[│╷╵|]\s?")


@dataclass(frozen=True)
class ResourceChange:
    """One resource that a plan changes; the actions are Terraform's words, a replacement is `delete` and `create`."""

    address: str
    actions: tuple[str, ...]


@dataclass(frozen=True)
class PlanSummary:
    """What a plan will do, counted, and each change by its address."""

    create: int
    update: int
    replace: int
    delete: int
    changes: tuple[ResourceChange, ...]
    outputs_changed: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.changes and not self.outputs_changed

    def __str__(self) -> str:
        """Return one line like "3 to create, 1 to update"."""
        counts = {"create": self.create, "update": self.update, "replace": self.replace, "delete": self.delete}
        others = len(self.changes) - sum(counts.values())
        parts = [f"{count} to {verb}" for verb, count in counts.items() if count]
        parts += [f"{others} to record"] if others > 0 else []
        return ", ".join(parts) or ("only outputs change" if self.outputs_changed else "nothing to change")


@dataclass(frozen=True)
class Problem:
    """One error that Terraform reported: its headline, its text, and what it is about."""

    summary: str
    detail: str
    address: str = ""

    @property
    def text(self) -> str:
        """The whole message in one line, however Terraform has wrapped it."""
        return " ".join(f"{self.summary} {self.detail}".split())


class Reader:
    """Takes the lines of a command with `-json` and keeps what they say."""

    def __init__(self, narrate: Callable[[str], None]) -> None:
        self._narrate = narrate
        self._changes: list[ResourceChange] = []
        self.problems: list[Problem] = []

    def line(self, text: str) -> None:
        """Take one line; a line that is no JSON event is for a person."""
        event = _event(text)
        if event is None:
            if text.strip():
                self._narrate(plain(text))
        elif event.get("type") == "diagnostic":
            self._diagnostic(event.get("diagnostic") or {})
        else:
            self._note(event)

    def summary(self, *, changed: bool) -> PlanSummary:
        """Return the plan that was read; `changed` is what `-detailed-exitcode` said."""
        counts = Counter(change.actions for change in self._changes)
        return PlanSummary(
            create=counts[_ACTIONS["create"]],
            update=counts[_ACTIONS["update"]],
            replace=counts[_ACTIONS["replace"]],
            delete=counts[_ACTIONS["delete"]],
            changes=tuple(self._changes),
            outputs_changed=changed and not self._changes,
        )

    def _note(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "planned_change":
            change = event.get("change") or {}
            actions = _ACTIONS.get(change.get("action", ""))
            if actions:
                self._changes.append(ResourceChange(change["resource"]["addr"], actions))
        planned = kind == "change_summary" and (event.get("changes") or {}).get("operation") == "plan"
        looked_up = (event.get("hook") or {}).get("action") == "read"
        if kind not in _QUIET and not planned and not looked_up and event.get("@message"):
            self._narrate(plain(str(event["@message"])))

    def _diagnostic(self, diagnostic: dict[str, Any]) -> None:
        summary = str(diagnostic.get("summary", ""))
        if diagnostic.get("severity") == "error":
            problem = Problem(summary, str(diagnostic.get("detail", "")).strip(), str(diagnostic.get("address", "")))
            self.problems.append(problem)
        elif "deprecated" not in summary and summary not in _EXPECTED:  # our own files are nothing a user could change
            self._narrate(f"warning: {summary}")


def _event(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "@message" in event else None


def plain(line: str) -> str:
    """Return a line without colours and without the frame that Terraform draws around messages."""
    return _BOX.sub("", _ESCAPES.sub("", line)).rstrip()


def problems_in_text(lines: tuple[str, ...]) -> list[Problem]:
    """Return the errors in output for people: each begins with `Error: ` and ends with the next one."""
    problems: list[Problem] = []
    block: list[str] | None = None
    for line in [*map(plain, lines), "Error: "]:
        if line.startswith(("Error: ", "Warning: ")):
            if block:
                problems.append(Problem(block[0], "\n".join(block[1:]).strip()))
            block = [line[len("Error: ") :]] if line.startswith("Error: ") else None
        elif block is not None:
            block.append(line)
    return problems
