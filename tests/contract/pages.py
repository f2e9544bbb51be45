"""The pages of the documentation, taken apart: blocks, commands, and commands that a sentence names."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
SEPARATORS = {"&&", "||", ";", "|", "&", "(", ")"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^( *)```(\S*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[2], textwrap.dedent(match[3]))


BLOCKS = [block for page in PAGES for block in _blocks_of(page)]
_YAML = [block for block in BLOCKS if block.language == "yaml" and yaml.safe_load(block.text) is not None]
# Modules' pages are compared with their examples elsewhere; here their blocks only have to be whole.
DATA = [
    block
    for page in [*PAGES, *sorted((ROOT / "terraform").rglob("README.md"))]
    for block in _blocks_of(page)
    if block.language in {"json", "hcl"}
]
SETTINGS = [block for block in _YAML if "packages" in yaml.safe_load(block.text)]
PLATFORMS = [block for block in _YAML if "projects" in yaml.safe_load(block.text)]
PIPELINES = [block for block in _YAML if block not in SETTINGS + PLATFORMS]


def commands_of(shell: str) -> Iterator[list[str]]:
    """Yield the simple commands of a script, also those inside of `$(…)`; redirections are left out."""
    for line in shell.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        words = iter([*lexer, ";"])
        for word in words:
            if word in SEPARATORS:
                yield from [command] if command else []
                command = []
            elif set(word) <= set("<>&"):
                next(words)
            else:
                command.append(word)
            for inner in re.findall(r"\$\(([^()]*)\)", word):
                yield from commands_of(inner)


def _scripts() -> Iterator[tuple[str, str]]:
    """Yield every piece of shell that a page shows, and where it stands."""
    for block in BLOCKS:
        if block.language == "sh":
            yield str(block), block.text
    for block in PIPELINES:
        for job in yaml.safe_load(block.text).values():
            for key in ("before_script", "script") if isinstance(job, dict) else ():
                yield str(block), "\n".join(job.get(key, []))


COMMANDS = [(place, command) for place, script in _scripts() for command in commands_of(script)]


def _inline() -> Iterator[tuple[str, list[str]]]:
    """Yield the commands that a sentence names in back-ticks."""
    for page in PAGES:
        prose = re.sub(r"```.*?```", _blank, page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for number, line in enumerate(prose.split("\n")):
            for text in re.findall(r"`([^`]+)`", line):
                if re.match(r"(orchestrator|terraform|aws) \S", text):
                    yield f"{page.relative_to(ROOT)}:{number + 1}", shlex.split(text)


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def component() -> list[Any]:
    """Return the two documents of the component: its inputs, and its jobs under their own names."""
    header, jobs = yaml.safe_load_all((ROOT / "templates/codebuild.yml").read_text(encoding="utf-8"))
    names = {f"$[[ inputs.{name} ]]": item["default"] for name, item in header["spec"]["inputs"].items()}
    return [header, {names.get(name, name): job for name, job in jobs.items()}]


MENTIONS = list(_inline())
