"""The pages that promise something name tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from orchestrator.redaction import SECRET_VARIABLES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for name in ("security", "reliability") if (page := ROOT / "docs" / f"{name}.md").is_file()]
_TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def _named(page: Path) -> set[tuple[str, str]]:
    return set(_TEST.findall(page.read_text(encoding="utf-8")))


def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_promise_names_a_test_that_exists(page: Path) -> None:
    """A test that was renamed or removed takes its promise with it, or somebody notices."""
    missing = {
        f"{file}::{name}"
        for file, name in _named(page)
        if not (ROOT / file).is_file() or (name and name not in _tests(ROOT / file))
    }
    assert missing == set()
    assert _named(page)


def test_every_threat_has_a_promise_and_every_promise_a_test() -> None:
    """T1 to T23 are answered one by one, each by at least one test."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("## What the redactor hides")[0]
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    answered = [int(number) for section in sections for number in re.findall(r"\bT(\d+)", section.partition(":")[0])]
    assert answered == list(range(1, 24))
    assert [section.partition("\n")[0] for section in sections if not _TEST.search(section)] == []


def test_the_page_lists_the_variables_that_are_secret() -> None:
    """A reader finds every name whose value no file may hold."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert [name for name in SECRET_VARIABLES if f"`{name}`" not in text] == []
