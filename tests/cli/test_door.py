"""The door under bad conditions: output that nobody takes, hostile text, odd places, secrets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from world import SHA, UUID

SMALL = "project: demo\nregion: eu-central-1\npackages:\n  parser: {source: src}\n"
NOBODY = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "canary-of-the-secret-key",
    "AWS_MAX_ATTEMPTS": "1",
    "CI_PROJECT_ID": "7",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a configuration at its top and in a folder whose name is odd."""
    for folder in (tmp_path / "repository", tmp_path / "repository" / "sub folder ü"):
        (folder / "src").mkdir(parents=True)
        (folder / "src" / "requirements.txt").write_text("")
        (folder / "orchestrator.yml").write_text(SMALL)
    git(tmp_path / "repository", "init", "--quiet", "--initial-branch", "main")
    git(tmp_path / "repository", "add", "--all")
    git(tmp_path / "repository", "commit", "--quiet", "--message", "first")
    return tmp_path / "repository"


def git(folder: Path, *arguments: str) -> None:
    """Run git with an identity."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def run(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None, shell: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command; `shell` says what becomes of its output."""
    command = [sys.executable, "-m", "orchestrator", *arguments]
    if shell:
        command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", *command]
    return subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("shell", "arguments", "code"),
    [
        ("| true", ["schema"], 0),
        ("| head -n 1", ["plan"], 0),
        ("| true", ["--help"], 0),
        ("> /dev/full", ["plan"], 3),
        ("> /dev/full", ["--help"], 3),
        (">&-", ["plan"], 3),
        ("2>&-", ["plan", "--config", "missing.yml"], 2),
        ("2> /dev/full", ["plan", "--config", "missing.yml"], 2),
        ("2>&1 >/dev/null | true", ["plan", "--config", "missing.yml"], 2),
    ],
)
def test_output_that_nobody_takes_does_not_change_what_happened(
    repository: Path, shell: str, arguments: list[str], code: int
) -> None:
    """A reader that has gone, a full disk or a closed stream gives its own exit code, never that of a failed build."""
    outcome = run(*arguments, cwd=repository, shell=shell)
    assert outcome.returncode == code
    assert "Traceback" not in outcome.stderr
    assert "Exception ignored" not in outcome.stderr


@pytest.mark.parametrize("where", ["top", "inside", "elsewhere", "through a link"])
def test_a_configuration_in_a_folder_means_the_same_from_everywhere(
    repository: Path, tmp_path: Path, where: str
) -> None:
    """Wherever the command is run, paths are those of the repository, and the digest is the same."""
    (tmp_path / "link").symlink_to(repository)
    cwd, config = {
        "top": (repository, "sub folder ü/orchestrator.yml"),
        "inside": (repository / "sub folder ü", "orchestrator.yml"),
        "elsewhere": (tmp_path, str(repository / "sub folder ü" / "orchestrator.yml")),
        "through a link": (tmp_path, "link/sub folder ü/orchestrator.yml"),
    }[where]
    plan = json.loads(run("plan", "--json", "--config", config, cwd=cwd).stdout)
    reference = run("plan", "--json", "--config", "sub folder ü/orchestrator.yml", cwd=repository).stdout
    assert plan["builds"][0]["source"] == "sub folder ü/src"
    assert plan["builds"][0]["requirements"] == "sub folder ü/src/requirements.txt"
    assert plan == json.loads(reference)


def test_a_linked_configuration_belongs_to_where_it_is_named(repository: Path, tmp_path: Path) -> None:
    """A link to a shared file plans the folder that holds the link, not the one that holds the file."""
    shared = tmp_path / "shared.yml"
    shutil.move(repository / "orchestrator.yml", shared)
    (repository / "orchestrator.yml").symlink_to(shared)
    plan = json.loads(run("plan", "--json", cwd=repository).stdout)
    assert plan["builds"][0]["requirements"] == "src/requirements.txt"


@pytest.mark.parametrize("words", ["init --yes", "local status", "builds"])
def test_a_folder_that_is_gone_is_no_bug(tmp_path: Path, words: str) -> None:
    """Whoever stands in a folder that somebody has removed is told so, or that nothing is there: never a traceback."""
    line = f'mkdir gone && cd gone && rmdir ../gone && "$0" -m orchestrator {words}'
    outcome = subprocess.run(
        ["bash", "-c", line, sys.executable],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.returncode == 2, outcome.stderr
    assert "is gone" in outcome.stderr or "does not exist" in outcome.stderr
    assert "hint: " in outcome.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [("bulds", "'builds'"), ("artifact list", "'artifacts'"), ("prebiuld", "'prebuild'"), ("schema bulds", "'builds'")],
)
def test_a_command_that_is_misspelled_is_told_with_the_right_one(tmp_path: Path, words: str, meant: str) -> None:
    """A typo in the name of a command is answered with the command, whichever click is installed."""
    outcome = run(*words.split(), cwd=tmp_path)
    assert outcome.returncode == 2
    assert f"Did you mean {meant}" in outcome.stderr


def test_who_has_no_configuration_is_told_how_to_get_one(tmp_path: Path) -> None:
    """The first command of somebody new names the one that writes the file."""
    outcome = run("builds", cwd=tmp_path)
    assert outcome.returncode == 2
    assert "`orchestrator init`" in outcome.stderr and "`--config`" in outcome.stderr


def test_a_name_too_long_to_be_a_file_is_no_bug(repository: Path) -> None:
    """A path that no file can have is planned like any other that does not exist."""
    (repository / "orchestrator.yml").write_text(SMALL.replace("src", "s" * 300))
    assert run("plan", cwd=repository).returncode == 0


def test_hostile_text_is_told_without_its_tricks(repository: Path) -> None:
    """What is shown of a revision or a package name cannot clear or recolour the screen."""
    for arguments in (
        ["build", "--ref", "main", "--commit", "x\x1b[2J\x1b]0;owned\x07\u202ey"],
        ["build", "--ref", "main", "--package", "\x1b[31mred\x9b2J"],
        ["plan", "--config", "\x1b[2J.yml"],
        ["plan", "--\x1b[2J"],
    ):
        outcome = run(*arguments, cwd=repository, environment=NOBODY)
        assert outcome.returncode == 2
        assert all(c in "\n\t" or c.isprintable() for c in outcome.stderr), outcome.stderr


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({}, 3, "127.0.0.1:9"),
        ({"AWS_ENDPOINT_URL": "no-url"}, 2, "AWS_ENDPOINT_URL"),
        ({"AWS_PROFILE": "missing"}, 2, "missing"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"}, 2, "credentials"),
        ({"AWS_CA_BUNDLE": "/no/such/file", "AWS_ENDPOINT_URL": "https://127.0.0.1:9"}, 3, "hint:"),
    ],
)
def test_a_machine_that_cannot_ask_aws_says_why(
    repository: Path, settings: dict[str, str], code: int, words: str
) -> None:
    """No credentials, a wrong profile or an endpoint that does not answer: each has its exit code and a hint."""
    outcome = run("prebuild", cwd=repository, environment={**NOBODY, **settings})
    assert outcome.returncode == code, outcome.stderr
    assert words in outcome.stderr
    assert "hint:" in outcome.stderr
    assert "canary" not in outcome.stderr


@pytest.mark.parametrize("command", ["prebuild", "build", f"postbuild --build-id demo-parser:{UUID}"])
def test_the_code_of_a_fork_gets_no_machine(repository: Path, command: str) -> None:
    """A merge request of a fork ends with 5 before anybody is asked for anything."""
    fork = {"CI_MERGE_REQUEST_PROJECT_ID": "7", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8", "CI_COMMIT_REF_NAME": "main"}
    outcome = run(*command.split(), cwd=repository, environment={**NOBODY, **fork})
    assert outcome.returncode == 5, outcome.stderr
    assert "fork" in outcome.stderr


def test_a_commit_cannot_bring_files_for_terraform(repository: Path) -> None:
    """Files that are committed into the work folder are refused before Terraform could read them."""
    (repository / ".orchestrator" / "terraform" / ".terraform").mkdir(parents=True)
    (repository / ".orchestrator" / "terraform" / ".terraform" / "provider").write_text("owned")
    git(repository, "add", "--all", "--force")
    outcome = run("prebuild", cwd=repository, environment=NOBODY)
    assert outcome.returncode == 5, outcome.stderr
    assert "git rm" in outcome.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"CI_COMMIT_SHA": "main"},
        {"CI_PROJECT_ID": "7/../8"},
        {"CI_PIPELINE_ID": "1;id"},
        {"CI_SERVER_URL": "https://user:canary-password@gitlab.com"},
        {"GITLAB_USER_LOGIN": "${x}"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_variables_of_another_form_are_refused(repository: Path, settings: dict[str, str]) -> None:
    """A CI variable that somebody has overridden with something else is named, and ends with 2."""
    outcome = run("postbuild", "--build-id", f"demo-parser:{UUID}", cwd=repository, environment={**NOBODY, **settings})
    assert outcome.returncode == 2, outcome.stderr
    assert next(iter(settings)) in outcome.stderr or "gitlab.url" in outcome.stderr
    assert "canary" not in outcome.stderr


def test_a_commit_that_is_not_checked_out_is_refused(repository: Path) -> None:
    """CI_COMMIT_SHA that differs from the checkout is a lie, and ends postbuild with 5."""
    settings = {**NOBODY, "CI_COMMIT_SHA": SHA}
    outcome = run("postbuild", "--build-id", f"demo-parser:{UUID}", cwd=repository, environment=settings)
    assert outcome.returncode == 5, outcome.stderr


def test_a_package_does_not_replace_files_of_the_repository(repository: Path) -> None:
    """A `manifest.json` that git tracks ends postbuild with 2 before AWS is asked."""
    (repository / "manifest.json").write_text("mine")
    git(repository, "add", "manifest.json")
    outcome = run("postbuild", "--build-id", f"demo-parser:{UUID}", cwd=repository, environment=NOBODY)
    assert outcome.returncode == 2, outcome.stderr
    assert "git tracks `manifest.json`" in outcome.stderr
    assert "--output dist" in outcome.stderr
    assert (repository / "manifest.json").read_text() == "mine"


def test_an_output_that_cannot_be_is_the_users_to_correct(repository: Path) -> None:
    """Rendering below a file ends with 2 and says which path it was."""
    outcome = run("render", "--output", "orchestrator.yml/x", cwd=repository)
    assert outcome.returncode == 2
    assert "orchestrator.yml/x" in outcome.stderr


def test_build_forgets_what_an_earlier_one_has_started(repository: Path) -> None:
    """When nothing could be started, no ids of an earlier build are left for the next job to take."""
    work = repository / ".orchestrator"
    work.mkdir()
    (work / "build.env").write_text(f"ORCHESTRATOR_BUILD_ID=demo-parser:{UUID}\n")
    outcome = run("build", "--ref", "main", cwd=repository, environment=NOBODY)
    assert outcome.returncode == 3, outcome.stderr
    assert (work / "build.env").read_text() == ""
    assert json.loads((work / "builds.json").read_text()) == {"builds": []}


def test_a_full_disk_is_no_bug_of_ours() -> None:
    """An error of the file system that nobody expected ends with 3; what holds no reason stays a bug."""
    program = (
        "from orchestrator.cli.boundary import guarded\n"
        "def fail():\n    raise OSError(28, 'No space left on device', 'somewhere')\n"
        "guarded(fail)\n"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert outcome.returncode == 3
    assert "somewhere" in outcome.stderr


def test_the_environment_of_the_stand_in_can_be_evaluated(tmp_path: Path) -> None:
    """`local env` is read by a shell, drops what would win over it, and two `local up` are one stand-in."""
    directory = ["--directory", str(tmp_path / "state folder")]
    try:
        for _ in range(2):
            assert run("local", "up", *directory, cwd=tmp_path).returncode == 0
        hostile = {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL_S3": "http://elsewhere", "AWS_SESSION_TOKEN": "x"}
        left = "|".join(f"${{{name}-}}" for name in (*hostile, "AWS_ENDPOINT_URL"))
        command = [sys.executable, "-m", "orchestrator", "local", "env", *directory]
        outcome = subprocess.run(
            ["bash", "-euc", f'eval "$("$@")"; echo "{left}"', "bash", *command],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **hostile},
            capture_output=True,
            text=True,
            check=True,
        )
        assert outcome.stdout.startswith("|||http://127.0.0.1:")
        status = run("local", "status", "--json", *directory, cwd=tmp_path)
        assert json.loads(status.stdout)["aws_url"] == outcome.stdout.strip()[3:]
    finally:
        assert run("local", "down", *directory, cwd=tmp_path).returncode == 0
    assert run("local", "env", *directory, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("output", "words"), [("file", "is a file"), ("file/x", "cannot write"), ("full", "not empty")]
)
def test_the_demo_overwrites_nothing(tmp_path: Path, output: str, words: str) -> None:
    """A folder with somebody's files, or a place that is no folder, is refused before anything starts."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    outcome = run("demo", "--output", output, "--json", cwd=tmp_path, environment={"COLUMNS": "40"})
    assert outcome.returncode == 2, outcome.stderr
    assert outcome.stdout == ""
    assert words in outcome.stderr.replace("\n", " ")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine"]


def test_the_demo_needs_git_and_says_so(tmp_path: Path) -> None:
    """Without git nothing is started."""
    outcome = run("demo", "--output", "out", cwd=tmp_path, environment={"PATH": str(tmp_path)})
    assert outcome.returncode == 2
    assert "git" in outcome.stderr
    assert not (tmp_path / "out").exists()
