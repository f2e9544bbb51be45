"""Reads `orchestrator.yml`: the only module of this package that opens a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from orchestrator.config import sentences
from orchestrator.config.completion import complete
from orchestrator.config.composing import MAXIMUM_BYTES, UnreadableError
from orchestrator.config.contradictions import contradictions, misplaced
from orchestrator.config.document import Document
from orchestrator.config.model import Configuration
from orchestrator.config.problem import Path as KeyPath
from orchestrator.config.problem import Problem, dotted, failure, printable
from orchestrator.config.reading import read
from orchestrator.errors import ConfigurationError

EXAMPLE = """\
project: lxml-function
region: eu-central-1
packages:
  parser:
    architecture: arm64
"""
_HINT = "correct these lines; `orchestrator schema` prints every key with its meaning"


def load(path: Path, environment: Mapping[str, str]) -> Configuration:
    """Return the complete configuration that the file and the variables of `environment` give.

    Raises ConfigurationError: for a file that cannot be read, or with every problem in it, one a line.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    text = _decode(content, name)
    return parse(text, name, environment, directory=path.absolute().parent.name)


def parse(text: str, filename: str, environment: Mapping[str, str], directory: str | None = None) -> Configuration:
    """Return the complete configuration in `text`; `filename` is only used in messages.

    `directory` is the name that `project` gets when neither the file nor CI names it; by default the
    directory in `filename`. Raises ConfigurationError with every problem, one a line.
    """
    try:
        document = read(text)
    except UnreadableError as error:
        raise failure(filename, [error.problem], f"a complete file has five lines:\n\n{EXAMPLE}") from error
    found = list(document.problems)
    found += _at_their_lines(document, list(misplaced(document)))
    complete(document, environment, Path(filename).parent.name if directory is None else directory)
    found += _at_their_lines(document, list(contradictions(document)))
    configuration = None
    try:
        configuration = Configuration.model_validate(document.data)
    except ValidationError as error:
        found += sentences.problems(error.errors(include_url=False), document)
    if found or configuration is None:
        raise failure(filename, found, _HINT)
    return configuration


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


def _unreadable(name: str, error: OSError | ValueError) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or "its name cannot be one"
    shown = printable(name, limit=200)
    if isinstance(error, FileNotFoundError):
        return ConfigurationError(
            f"`{shown}` does not exist",
            hint=f"create it in the root of the repository; five lines are a complete file:\n\n{EXAMPLE}",
        )
    if isinstance(error, IsADirectoryError):
        return ConfigurationError(f"`{shown}` is a directory", hint="name the file inside it")
    return ConfigurationError(
        f"`{shown}` cannot be read", detail=str(reason).lower(), hint="check its path and its permissions"
    )
