"""What is said of one kind of file: its schema, its example, and the sentences that belong to it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel

from orchestrator.config.document import Document
from orchestrator.config.problem import Path
from orchestrator.config.schema import Schema

Read = TypeVar("Read", bound=BaseModel)
Findings = Callable[[Document], Iterator[tuple[Path, str]]]


def _nowhere(_path: Path) -> bool:
    return False


@dataclass(frozen=True)
class Format(Generic[Read]):
    """One kind of file.

    `example` is a whole file, `whole` how it is introduced, `absent` what to do where there is none, `empty` what an
    empty one lacks, `hint` what to do about problems. `complete` fills in what depends on something else, from the
    variables of an environment and the name of the file's directory. `misplaced` judges the document as it was
    written, `contradictions` the completed one.
    `missing` says what is expected where nothing is; `missing_in_list` the same by the last keys, without the number of
    the entry. `union_tags` are words in the paths of pydantic that nobody wrote; values at a path that `is_private` are
    not shown; where `has_examples_only`, the known values are not all.
    """

    model: type[Read]
    schema: Schema
    example: str
    whole: str
    absent: str
    empty: str
    hint: str
    complete: Callable[[Document, Mapping[str, str], str], None]
    misplaced: Findings
    contradictions: Findings
    missing: Mapping[Path, str] = field(default_factory=dict)
    missing_in_list: Mapping[Path, str] = field(default_factory=dict)
    union_tags: frozenset[str] = frozenset()
    is_private: Callable[[Path], bool] = _nowhere
    has_examples_only: Callable[[Path], bool] = _nowhere
