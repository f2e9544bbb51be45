"""The text of a lock: one text for one content, and nothing of this machine in it."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import Refused
from orchestrator.packaging.lock.document import has_credentials, rendered, without_machine
from orchestrator.packaging.lock.placeholder import holds_no_code
from orchestrator.packaging.lock.sdist_metadata import StaticMetadata, static_metadata

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_SCALAR = st.one_of(
    _TEXT, st.booleans(), st.integers(-(2**62), 2**62), st.datetimes().map(lambda at: at.replace(tzinfo=timezone.utc))
)
_VALUE = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=8
)
_KEY = st.from_regex(r"[a-z][a-z-]{0,8}", fullmatch=True).filter(lambda key: key not in ("packages", "tool"))


@given(st.dictionaries(_KEY, _VALUE, max_size=4), st.lists(st.dictionaries(_KEY, _VALUE, min_size=1, max_size=4)))
def test_what_is_written_is_what_is_read(head: dict[str, Any], packages: list[dict[str, Any]]) -> None:
    """Whatever an index puts into names and URLs, the text is TOML that says the same again."""
    written = rendered({**head, "packages": packages})
    document = tomllib.loads(written.decode())
    assert {**document, "packages": document.get("packages", [])} == {**head, "packages": packages}
    assert rendered(document) == written


def test_times_are_written_in_one_way() -> None:
    """The same moment gives the same bytes, whatever its time zone."""
    assert rendered({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)}) == b"at = 2026-01-02T03:04:05Z\n"


def test_paths_and_passwords_stay_here(tmp_path: Path) -> None:
    """Paths become relative to the repository, files of its folders too; URLs lose their login."""
    (tmp_path / "tree" / "lib").mkdir(parents=True)
    inside = (tmp_path / "tree" / "x.whl").as_uri()
    packages = [
        {"name": "lib", "directory": {"path": "../tree/lib", "editable": True}},
        {"name": "x", "index": "https://u:p@x.org/simple", "wheels": [{"url": inside}]},
        {"name": "git", "vcs": {"type": "git", "url": "https://u:p@x.org/a", "commit-id": "0"}},
    ]
    found = without_machine({"packages": packages}, tmp_path / "scratch", tmp_path / "tree")["packages"]
    assert found[0]["directory"] == {"path": "lib"}
    assert found[1] == {"name": "x", "wheels": [{"path": "x.whl"}]}
    assert found[2]["vcs"]["url"] == "https://x.org/a"
    assert not has_credentials(rendered({"packages": found}))
    with pytest.raises(Refused):
        without_machine({"packages": [{"directory": {"path": "/etc"}}]}, tmp_path, tmp_path / "tree")


@given(st.binary(max_size=200))
def test_broken_files_are_no_evidence(content: bytes) -> None:
    """Bytes that are no archive neither are a placeholder nor say anything about dependencies."""
    from orchestrator.packaging.lock.index import IndexFile
    from orchestrator.packaging.lock.web import Page

    class Given:
        def page(self, url: str, _headers: object, _limit: int) -> Page:
            return Page(url, 200, "", content)

    assert not holds_no_code(content)
    for name in ("a-1.zip", "a-1.tar.gz"):
        file = IndexFile(name, "https://x.org/a", "", None, "", yanked=False)
        assert static_metadata("a", "1", file, Given()) is None  # type: ignore[arg-type]


def test_metadata_is_written_for_uv() -> None:
    """What a source distribution says is TOML that uv reads, whatever is in it."""
    item = StaticMetadata("a", "1", ('b ; extra == "c"',), ">=3")
    entry = tomllib.loads(item.as_toml())["dependency-metadata"][0]
    assert entry == {"name": "a", "version": "1", "requires-dist": ['b ; extra == "c"'], "requires-python": ">=3"}
