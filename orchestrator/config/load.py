"""Reads our files: the only module of this package that opens one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from orchestrator.config import sentences
from orchestrator.config.composing import MAXIMUM_BYTES, UnreadableError
from orchestrator.config.configuration_file import CONFIGURATION, EXAMPLE
from orchestrator.config.document import Document
from orchestrator.config.format import Format, Read
from orchestrator.config.model import Configuration
from orchestrator.config.problem import Path as KeyPath
from orchestrator.config.problem import Problem, dotted, failure, printable
from orchestrator.config.reading import read
from orchestrator.errors import ConfigurationError

__all__ = ["EXAMPLE", "load", "load_file", "parse", "parse_file"]


def load(path: Path, environment: Mapping[str, str]) -> Configuration:
    """Return the complete configuration that `orchestrator.yml` and the variables of `environment` give.

    Raises ConfigurationError: for a file that cannot be read, or with every problem in it, one a line.
    """
    return load_file(path, environment, CONFIGURATION)


def parse(text: str, filename: str, environment: Mapping[str, str], directory: str | None = None) -> Configuration:
    """Return the complete configuration in the text of an `orchestrator.yml`; see `parse_file`."""
    return parse_file(text, filename, environment, CONFIGURATION, directory)


def load_file(path: Path, environment: Mapping[str, str], kind: Format[Read]) -> Read:
    """Return what a file of this kind says, complete.

    Raises ConfigurationError: for a file that cannot be read, or with every problem in it, one a line.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error, kind) from error
    text = _decode(content, name)
    return parse_file(text, name, environment, kind, directory=path.absolute().parent.name)


def parse_file(
    text: str, filename: str, environment: Mapping[str, str], kind: Format[Read], directory: str | None = None
) -> Read:
    """Return what `text` says, complete; `filename` is only used in messages.

    `directory` is the name of the directory that may stand for what neither the file nor CI names; by default the
    directory in `filename`. Raises ConfigurationError with every problem, one a line.
    """
    try:
        document = read(text, kind.empty)
    except UnreadableError as error:
        raise failure(filename, [error.problem], f"{kind.whole}:\n\n{kind.example}") from error
    found = list(document.problems)
    found += _at_their_lines(document, list(kind.misplaced(document)))
    kind.complete(document, environment, Path(filename).parent.name if directory is None else directory)
    found += _at_their_lines(document, list(kind.contradictions(document)))
    complete = None
    try:
        complete = kind.model.model_validate(document.data)
    except ValidationError as error:
        found += sentences.problems(error.errors(include_url=False), document, kind)
    if found or complete is None:
        # What is wrong with an entry that stands for two packages is wrong with both of them.
        raise failure(filename, list(dict.fromkeys(found)), kind.hint)
    return complete


def _at_their_lines(document: Document, found: list[tuple[KeyPath, str]]) -> list[Problem]:
    origins = [(document.origin(path), text) for path, text in found]
    return [Problem(origin.line, 0, dotted(origin.path), text) for origin, text in origins]


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        # Reading one byte more than allowed may have cut a character in two: then the size is the problem.
        if len(content) > MAXIMUM_BYTES:
            line, column = 1, 1
        problem = Problem(line, column, "", "this byte is not UTF-8 text")
        raise failure(name, [problem], "save the file with the encoding UTF-8") from error


def _unreadable(name: str, error: OSError | ValueError, kind: Format[Read]) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or "its name cannot be one"
    shown = printable(name, limit=200)
    if isinstance(error, FileNotFoundError):
        return ConfigurationError(
            f"`{shown}` does not exist",
            hint=f"{kind.absent}; {kind.whole}:\n\n{kind.example}",
        )
    if isinstance(error, IsADirectoryError):
        return ConfigurationError(f"`{shown}` is a directory", hint="name the file inside it")
    return ConfigurationError(
        f"`{shown}` cannot be read", detail=str(reason).lower(), hint="check its path and its permissions"
    )
