"""Guarantees about the page that lists what the Terraform files take and give."""

from __future__ import annotations

import re

import pytest
from terraform_reference import PAGE, SOURCE, folders, page

REFERENCE = SOURCE.parent / "docs" / "reference"


def test_the_reference_of_terraform_is_current() -> None:
    """The page in `docs/reference` says what the files say."""
    hint = "run `python tests/terraform_reference.py docs/reference`"
    assert (REFERENCE / PAGE).read_text(encoding="utf-8") == page(), hint


@pytest.mark.parametrize("folder", folders())
def test_every_block_is_on_the_page(folder: str) -> None:
    """Whatever a parser may overlook, a search of the text finds: no variable, no refusal and no output is left out."""
    heading = folder.removeprefix("modules/") if folder.startswith("modules/") else f"The root that `{folder}"
    heading = heading.replace("`.", "`prebuild")
    (section,) = [part for part in page().split("\n## ")[1:] if part.removeprefix("Module ").startswith(heading)]
    written = "".join(path.read_text(encoding="utf-8") for path in sorted((SOURCE / folder).glob("*.tf")))
    told = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    for kind in ("variable", "output"):
        for name in re.findall(rf'^{kind} "(\w+)"', written, re.MULTILINE):
            assert name in told
    blocks = len(re.findall(r"^ *validation \{", written, re.MULTILINE))
    names = len(re.findall(r'^(?:variable|output) "', written, re.MULTILINE))
    assert len(told) == blocks + names
