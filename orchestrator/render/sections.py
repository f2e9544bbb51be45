"""Phases in a build's log, and the collapsible sections that GitLab's log view makes of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What CodeBuild itself writes into a log. A build can write the same: then a section begins where none should.
_BEGIN = re.compile(r"\[Container\] \S+ \S+ (?:Entering phase|Phase is) ([A-Z_]{1,40})")
_COMPLETE = re.compile(r"\[Container\] \S+ \S+ Phase complete: ([A-Z_]{1,40}) State: ([A-Z_]{1,40})")
_CONTEXT = re.compile(r"\[Container\] \S+ \S+ Phase context status code:")
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_RESET = "\x1b[0;m"
_ERASE = "\x1b[0K"


@dataclass(frozen=True)
class Border:
    """A line that says how a phase goes: it begins (`phase`), it has ended with a state, or (neither) it is over."""

    phase: str = ""
    state: str = ""


def border(line: str) -> Border | None:
    """Return what a line of a log says about phases, None for all others."""
    if not line.startswith("[Container] "):
        return None
    if found := _BEGIN.match(line):
        return Border(found[1])
    if found := _COMPLETE.match(line):
        return Border(found[1], found[2])
    return Border() if _CONTEXT.match(line) else None


def section_start(seconds: int, name: str, header: str) -> str:
    """Return what begins a section at a Unix time, with its header (GitLab docs: CI/CD job logs)."""
    return f"{_ERASE}section_start:{seconds}:{section_name(name)}\r{_ERASE}{header}"


def section_end(seconds: int, name: str) -> str:
    """Return what ends a section; GitLab shows the time since its beginning beside the header."""
    return f"{_ERASE}section_end:{seconds}:{section_name(name)}\r{_ERASE}"


def section_name(text: str) -> str:
    """Return a name that GitLab takes: letters, digits, `_ . -`."""
    return _NOT_A_NAME.sub("_", text)


@dataclass(frozen=True)
class Paint:
    """The colours that GitLab's runner and most terminals use; nothing at all where no colours are wanted."""

    wanted: bool

    def header(self, text: str) -> str:
        """Return a headline."""
        return self._in("36;1", text)

    def good(self, text: str) -> str:
        """Return what went well."""
        return self._in("32;1", text)

    def bad(self, text: str) -> str:
        """Return what went wrong."""
        return self._in("31;1", text)

    def quiet(self, text: str) -> str:
        """Return what is said beside the log."""
        return self._in("36", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self.wanted else text
