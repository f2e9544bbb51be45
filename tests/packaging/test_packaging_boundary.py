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
    """What loads code, moves files or is a token is dropped; what downloads and compilers need stays."""
    hostile = dict.fromkeys(
        (
            *("LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_REQUIRE_VIRTUALENV", "GIT_SSH_COMMAND"),
            *("BASH_ENV", "UV_TARGET", "UV_PYTHON", "UV_CONFIG_FILE", "GIT_CONFIG_COUNT", "AWS_SECRET_ACCESS_KEY"),
            *("MY_ID_TOKEN", "VAULT_TOKEN", "TF_HTTP_PASSWORD", "CI_JOB_JWT_V2", "CI_ANYTHING", "SSH_AUTH_SOCK"),
            *("CFLAGS", "CC", "RUSTFLAGS", "LD_AUDIT", "CODEBUILD_WEBHOOK_ACTOR"),
            *("CI_JOB_TOKEN", "ORCHESTRATOR_GITLAB_TOKEN", "GITLAB_TOKEN", "CI_REPOSITORY_URL", "CI_DEPLOY_PASSWORD"),
        ),
        "x",
    )
    harmless = dict.fromkeys(
        (
            *("PATH", "HOME", "HTTPS_PROXY", "no_proxy", "PIP_INDEX_URL", "UV_INDEX_CORP_PASSWORD", "SSL_CERT_FILE"),
            *("LC_ALL", "TMPDIR", "GIT_SSL_CAINFO", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH"),
        ),
        "y",
    )
    assert clean_environment(environ={**hostile, **harmless}) == harmless
    trusted = {"AWS_SECRET_ACCESS_KEY", "ORCHESTRATOR_GITLAB_TOKEN", "CODEBUILD_WEBHOOK_ACTOR"}
    assert set(clean_environment(credentials=True, environ=hostile)) == trusted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "zip"),
        ("commands", ["make"]),
        ("commands", "make"),
        ("output", "dist"),
        ("output", "../dist"),
        ("exclude", "*"),
        ("exclude", ["a\nb"]),
        ("bytecode", "yes"),
        ("smoke", ["os; import evil"]),
        ("allow", [{"rule": "library", "file": "*", "subject": "*"}]),
        ("allow", [{"rule": "anything", "file": "*", "subject": "*", "reason": "x"}]),
        ("allow", {"rule": "library"}),
        ("allow_pure", ["Not_Normal"]),
        ("system_packages", ["-y"]),
        ("system_packages", {"dnf": ["--nogpgcheck"]}),
        ("system_packages", {"brew": ["curl"]}),
        ("keep_wheels", 0),
        ("where", "here"),
        ("runtimes", []),
        ("runtimes", {"python3.12": 1}),
        ("something_new", True),
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
        ("trigger", {}),
    ],
)
def test_wrong_settings_are_named(case: Any, field: str, value: object) -> None:
    """Each wrong setting is refused by its name."""
    with pytest.raises(ConfigurationError, match=field):
        parse_settings(json.dumps({**case.settings, field: value}))


def test_a_custom_package_needs_commands_and_output(case: Any) -> None:
    """A build of the kind `custom` without them would pack what somebody else has left there."""
    custom = {**case.settings, "kind": "custom", "requirements": None, "commands": ["make"], "output": "dist"}
    assert parse_settings(json.dumps(custom)).output == "dist"
    for name in ("commands", "output"):
        with pytest.raises(ConfigurationError, match=name):
            parse_settings(json.dumps({key: value for key, value in custom.items() if key != name}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_settings_that_are_no_object(text: str) -> None:
    """What is no JSON object is refused."""
    with pytest.raises(ConfigurationError, match="ORCHESTRATOR_SETTINGS"):
        parse_settings(text)
