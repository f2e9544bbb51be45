"""Links between the pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitLab makes of the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _links() -> list[tuple[Path, str]]:
    found = [(page, link) for page in PAGES for link in LINK.findall(page.read_text("utf-8"))]
    return [(page, link) for page, link in found if "://" not in link]


@pytest.mark.parametrize(("page", "link"), [pytest.param(*item, id=f"{item[0].name} {item[1]}") for item in _links()])
def test_links_lead_somewhere(page: Path, link: str) -> None:
    """Whoever follows a link finds the file, and the heading that it names."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    assert target.exists(), f"{page.relative_to(ROOT)} leads to nothing"
    assert not anchor or anchor in _anchors(target), sorted(_anchors(target))
