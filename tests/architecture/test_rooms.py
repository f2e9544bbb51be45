"""The rooms of the house and the arrows between them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


def test_dependencies_point_one_way() -> None:
    """import-linter finds no arrow against the order that ARCHITECTURE.md shows."""
    outcome = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_architecture_shows_the_order_that_is_checked() -> None:
    """The arrows that ARCHITECTURE.md shows are the layers of import-linter, all of them and in their order."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = next(block for block in text.split("```")[1::2] if "cli →" in block).removeprefix("text\n")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract for contract in contracts if contract["name"] == "Dependencies point one way")["layers"]
    assert [set(layer.split()) - {"|"} for layer in shown.split("→")] == [
        {name.removeprefix("orchestrator.") for name in layer.split(" | ")} for layer in layers
    ]


def test_architecture_names_every_room() -> None:
    """A reader of ARCHITECTURE.md meets every folder of the package, and no folder that is gone."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = text.split("```text\n")[1].split("```")[0]
    named = set(re.findall(r"^  (\w+)/ ", block, re.M))
    real = {path.parent.name for path in (ROOT / "orchestrator").glob("*/__init__.py")}
    assert named == real


def test_links_of_the_documentation_lead_somewhere() -> None:
    """No relative link in the documentation is dead."""
    dead = []
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                dead.append(f"{page.relative_to(ROOT)}: {target}")
    assert dead == []
