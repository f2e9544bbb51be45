"""What the documentation states is so: exit codes, variables, inputs, fields and tables agree with the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import PAGES, ROOT, component

from orchestrator import errors
from orchestrator.errors import OrchestratorError
from orchestrator.packaging.documents import manifest
from orchestrator.packaging.lock.uv import uv_platform
from orchestrator.packaging.runtimes import Target, runtimes

CODE = ["orchestrator", "buildspecs", "templates", "terraform"]
EXIT_CODES = {0, 1, 2, 3, 4, 5, 70}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", text.lower())) - {"and", "the", "that", "you", "orchestrator", "yml"}


def _exit_codes() -> list[Any]:
    """Return every place of the documentation that lists exit codes, as pairs of code and words."""
    found: list[Any] = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for table in re.findall(r"^\| exit \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE):
            rows = re.findall(r"^\| (\d+) \|(.*)\|$", table, re.MULTILINE)
            found.append(pytest.param([(int(code), words) for code, words in rows], id=f"table in {page.name}"))
        for sentence in re.findall(r"(?s)exit codes.{0,120}?: (0 .*?|1 .*?)\.\s", text, re.IGNORECASE):
            items = re.findall(r"(?s)(?:^|,\s+)(\d+) (.*?)(?=,\s+\d+ |$)", sentence)
            found.append(pytest.param([(int(code), words) for code, words in items], id=f"sentence in {page.name}"))
    return found


@pytest.mark.parametrize("listed", _exit_codes())
def test_exit_codes_are_those_of_the_code(listed: list[tuple[int, str]]) -> None:
    """Whoever writes `retry: exit_codes` from any page writes it right."""
    rows = re.findall(r"^(\d+)  +(.*)$", errors.__doc__ or "", re.MULTILINE)
    meanings = {int(code): _words(words) for code, words in rows}
    assert set(meanings) == EXIT_CODES
    kinds = [OrchestratorError, *OrchestratorError.__subclasses__()]
    assert {kind.exit_code for kind in kinds} == EXIT_CODES - {0}
    assert {code for code, _ in listed} | {0} == EXIT_CODES
    for code, words in listed:
        assert _words(words) & meanings[code], f"{code} does not mean `{words.strip()}`"


def test_exit_codes_are_told_where_people_look() -> None:
    """README, guide and the page about the build all have them."""
    places = {entry.id for entry in _exit_codes()}
    assert places >= {"sentence in README.md", "table in guide.md", "sentence in build.md"}


def _text_of(folders: list[str]) -> str:
    kinds = {".py", ".j2", ".yml", ".tf"}
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    return "\n".join(path.read_text("utf-8") for path in files)


def test_named_variables_exist() -> None:
    """No page tells of an `ORCHESTRATOR_…` variable that nothing reads or writes."""
    code = _text_of(CODE)
    named = {name for page in PAGES for name in re.findall(r"\bORCHESTRATOR_[A-Z0-9_]+", page.read_text("utf-8"))}
    assert {name for name in named if not re.search(rf"\b{name}(?![A-Z0-9])", code)} == set()


def test_variables_of_users_are_documented() -> None:
    """Every `ORCHESTRATOR_…` that a command reads, a job is given or an include offers stands in a page."""
    code = _text_of([f"orchestrator/{room}" for room in ("cli", "demo", "effects")])
    used = set(re.findall(r"[\"'](ORCHESTRATOR_[A-Z0-9_]+)", code))
    plain = yaml.safe_load((ROOT / "templates/plain.gitlab-ci.yml").read_text("utf-8"))
    pages = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert used >= {"ORCHESTRATOR_CONFIG", "ORCHESTRATOR_GITLAB_TOKEN", "ORCHESTRATOR_PROVIDER_MIRROR"}
    assert {name for name in {*used, *plain["variables"]} if not re.search(rf"\b{name}(?![A-Z0-9])", pages)} == set()


def test_inputs_of_the_component_are_documented() -> None:
    """The guide lists every input with the default that it has."""
    inputs = component()[0]["spec"]["inputs"]
    section = (ROOT / "docs/guide.md").read_text("utf-8").split("| input |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE)
    assert dict(rows) == {name: str(item["default"]) for name, item in inputs.items()}


def test_inputs_of_the_deployment_are_documented() -> None:
    """The page about deploying lists every input of the second component with its default."""
    text = (ROOT / "templates/deploy.yml").read_text("utf-8")
    inputs = next(iter(yaml.safe_load_all(text)))["spec"]["inputs"]
    section = (ROOT / "docs/deploy.md").read_text("utf-8").split("| deploy input |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE)
    assert dict(rows) == {name: str(item["default"]) for name, item in inputs.items()}


def test_fields_of_the_manifest_are_documented() -> None:
    """The page about the build lists exactly the fields that a manifest has."""
    written = set(re.findall(r'^        "(\w+)": ', Path(manifest.__file__).read_text("utf-8"), re.MULTILINE))
    paragraph = (ROOT / "docs/build.md").read_text("utf-8").split("The manifest is flat JSON:")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) - {"source_code_hash"} == written


def test_runtimes_are_documented_as_they_are() -> None:
    """The table of runtimes says what the resolver really asks for."""
    text = (ROOT / "docs/build.md").read_text("utf-8")
    shown: dict[str, tuple[str, str, str]] = {}
    row = r"^\| (python3[^|]*) \| ([^|]*) \| ([^|]*) \| (\w+)"
    for names, system, glibc, level in re.findall(row, text, re.MULTILINE):
        shown |= dict.fromkeys(names.split(", "), (system, glibc, level))
    assert shown == {
        name: (item.system, ".".join(map(str, item.glibc)), uv_platform(Target("arm64", item)).partition("-")[2])
        for name, item in runtimes().items()
        if item.python
    }
