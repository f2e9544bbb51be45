"""What the build takes from its surroundings: settings, variables, pinned tools."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.inside.settings import parse_settings
from orchestrator.packaging.inside.toolbox import lock_text
from orchestrator.packaging.lock.uv import without_wheel
from orchestrator.packaging.process import clean_environment

PACKAGING = Path(__file__).resolve().parents[2] / "orchestrator" / "packaging"


def _pinned() -> dict[str, tuple[int, ...]]:
    found = re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lock_text().decode(), re.MULTILINE)
    return {name: tuple(int(part) for part in version.split(".") if part) for name, version in found}


def test_lock_satisfies_the_wanted_tools() -> None:
    """`tools.lock` pins every tool that `tools.in` wants, in a version it allows."""
    for line in (PACKAGING / "inside" / "tools.in").read_text().splitlines():
        name, _, version = line.partition(" ;")[0].partition(">=")
        assert _pinned()[name] >= tuple(map(int, version.split(".")))


def test_lock_has_hashes_for_everything() -> None:
    """Every tool is pinned by digest, for every platform, so no index can slip in another file."""
    blocks = re.split(r"^(?=\S)", lock_text().decode(), flags=re.MULTILINE)
    pinned = [block for block in blocks if "==" in block.split("\n")[0]]
    assert len(pinned) == len(_pinned()) >= 3
    assert all("--hash=sha256:" in block for block in pinned)
    assert next(block for block in pinned if block.startswith("uv==")).count("--hash") > 10


def test_dangerous_variables_do_not_reach_tools() -> None:
    """Variables that load code or move files are dropped; mirrors, proxies and certificates stay."""
    hostile = dict.fromkeys(
        (
            *("LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_REQUIRE_VIRTUALENV", "GIT_SSH_COMMAND"),
            *("BASH_ENV", "UV_TARGET", "UV_PYTHON", "UV_CONFIG_FILE", "GIT_CONFIG_COUNT", "AWS_SECRET_ACCESS_KEY"),
        ),
        "x",
    )
    harmless = dict.fromkeys(
        ("PATH", "HOME", "HTTPS_PROXY", "PIP_INDEX_URL", "UV_INDEX_CORP_PASSWORD", "SSL_CERT_FILE"), "y"
    )
    assert clean_environment(environ={**hostile, **harmless}) == harmless
    assert "AWS_SECRET_ACCESS_KEY" in clean_environment(credentials=True, environ=hostile)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "custom"),
        ("architecture", "arm"),
        ("runtime", "python3.9"),
        ("runtime", "python3.12\n"),
        ("source", "../x"),
        ("source", "/etc"),
        ("requirements", "a/../../b"),
        ("environment", {"A=B": "x"}),
        ("environment", {"A": 1}),
        ("prefix", "/a"),
        ("fetch", "ftp"),
        ("trigger", {"api_url": "http://gitlab.example.org", "project": "1", "token_parameter": "/x"}),
        ("trigger", {"api_url": "https://u:p@gitlab.example.org", "project": "1", "token_parameter": "/x"}),
        ("trigger", {"api_url": "https://gitlab.example.org", "project": "../1", "token_parameter": "/x"}),
        ("trigger", None),
    ],
)
def test_wrong_settings_are_named(case: Any, field: str, value: object) -> None:
    """Each wrong setting is refused by its name."""
    with pytest.raises(ConfigurationError, match=field):
        parse_settings(json.dumps({**case.settings, field: value}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_settings_that_are_no_object(text: str) -> None:
    """What is no JSON object is refused."""
    with pytest.raises(ConfigurationError, match="ORCHESTRATOR_SETTINGS"):
        parse_settings(text)


@pytest.mark.parametrize(
    ("errors", "names"),
    [
        ("hint: Wheels are required for `Foo_Bar` because building from source is disabled", ["foo-bar"]),
        ("Because torch==1.7.1 has no wheels with a matching Python ABI tag", ["torch"]),
        ("Because psutil>=5.9.0,<5.9.8 has no usable wheels and", ["psutil"]),
        ("Because docopt has no usable wheels", ["docopt"]),
        ("there is no version of idna==99", []),
    ],
)
def test_culprits_are_read_from_uv(errors: str, names: list[str]) -> None:
    """The requirement without a wheel is found in uv's words."""
    assert without_wheel(errors) == names
