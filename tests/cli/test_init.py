"""The command `init`: what it writes, what it says, and that it overwrites nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.errors import ConfigurationError

HANDLER = "def handler(event, context):\n    return 1\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout of a GitLab project with a function that needs a compiled library."""
    folder = tmp_path / "checkout"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").write_text(HANDLER)
    (folder / "src" / "requirements.txt").write_text("pycurl\n")
    (folder / ".gitignore").write_text(".orchestrator/\n")
    remote = "https://oauth2:glpat-canary-in-the-remote@gitlab.example.com/shop/thumbs.git"
    for command in (["init", "--quiet", "."], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return folder


def test_a_short_file_is_written_and_explained(repository: Path) -> None:
    """The file says what was found and nothing else; each line of it is explained, and plan takes it at once."""
    outcome = CliRunner().invoke(cli, ["init", "--yes"], catch_exceptions=False)
    assert outcome.exit_code == 0
    assert yaml.safe_load((repository / "orchestrator.yml").read_text()) == {
        "project": "shop-thumbs",
        "region": "eu-west-1",
        "packages": {
            "function": {
                "source": "src",
                "environment": {"PYCURL_SSL_LIBRARY": "openssl"},
                "system_packages": {
                    "dnf": ["openssl-devel", "libcurl-devel"],
                    "apt-get": ["libssl-dev", "libcurl4-openssl-dev"],
                },
                "smoke": ["pycurl"],
            }
        },
        "gitlab": {"url": "https://gitlab.example.com", "project": "shop/thumbs"},
    }
    assert outcome.stdout == "orchestrator.yml\n"
    for words in (
        "`src/app.py` has `handler(event, context)`",
        "`pycurl` is compiled",
        "AWS_REGION",
        "next: orchestrator plan",
    ):
        assert words in outcome.stderr
    assert "added to .gitignore: .terraform/ /package.zip" in outcome.stderr
    assert "canary" not in outcome.output
    assert CliRunner().invoke(cli, ["plan"], catch_exceptions=False).exit_code == 0


@pytest.mark.parametrize(
    "before", [None, b"", b"*.pyc", b"# ours\r\n*.pyc\r\n", b"\xef\xbb\xbf/terraform/x\n.terraform\n"]
)
def test_what_commands_leave_behind_is_ignored(repository: Path, before: bytes | None) -> None:
    """Git sees nothing of it afterwards, their own lines are there to the byte, and nothing is there twice."""
    ignore = repository / ".gitignore"
    ignore.unlink()
    if before is not None:
        ignore.write_bytes(before)
    CliRunner().invoke(cli, ["init", "--yes"], catch_exceptions=False)
    after = ignore.read_bytes()
    assert after.startswith(before or b"")
    assert b"\n" not in after.replace(b"\r\n", b"") or b"\r\n" not in (before or b"")
    lines = [line for line in after.decode("utf-8-sig").splitlines() if line]
    assert len({line.strip("/") for line in lines}) == len(lines)
    left = ["orchestrator.auto.tfvars.json", "orchestrator_override.tf", "backend.tfbackend.json", ".terraform/x"]
    for name in (
        ".orchestrator/plan.json",
        "package.zip",
        "pylock.toml",
        "dist/package.zip",
        *(f"terraform/{item}" for item in left),
    ):
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    shown = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert {line[3:] for line in shown.stdout.splitlines()} == {
        ".gitignore", "orchestrator.yml", "src/app.py", "src/requirements.txt",
    }  # fmt: skip


def test_a_gitignore_that_is_a_link_is_left_alone(repository: Path, tmp_path: Path) -> None:
    """Where the lines would go to a file elsewhere, they are told instead."""
    ignore = repository / ".gitignore"
    ignore.unlink()
    ignore.symlink_to(tmp_path / "elsewhere")
    outcome = CliRunner().invoke(cli, ["init", "--yes"], catch_exceptions=False)
    assert "for .gitignore: .orchestrator/ .terraform/" in outcome.stderr
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("there", ["file", "link"])
def test_nothing_is_overwritten(repository: Path, there: str) -> None:
    """Whatever has the name already stays as it is, and the run ends with 2."""
    target = repository / "orchestrator.yml"
    if there == "file":
        target.write_text("mine\n")
    else:
        target.symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="is there already") as caught:
        CliRunner().invoke(cli, ["init", "--yes"], catch_exceptions=False)
    assert caught.value.exit_code == 2
    assert there != "file" or target.read_text() == "mine\n"


def test_links_and_large_files_are_not_followed(repository: Path) -> None:
    """A link that leads out of the repository, and a file of absurd size, say nothing about it."""
    (repository / "layers").mkdir()
    (repository / "layers" / "requirements.txt").symlink_to("/etc/hostname")
    with (repository / "huge.py").open("wb") as file:
        os.truncate(file.fileno(), 10**9)
    assert CliRunner().invoke(cli, ["init", "--yes"], catch_exceptions=False).exit_code == 0
    assert list(yaml.safe_load((repository / "orchestrator.yml").read_text())["packages"]) == ["function"]
