"""Where a branch or tag points to now, with real git and a real remote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.effects.git import GitCheckout
from orchestrator.effects.history import RemoteHistory
from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.records import Reach

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
IDENTITY = {f"GIT_{role}_{part}": "x@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
HEADS, TAGS = "refs/heads/", "refs/tags/"


def git(folder: Path, *arguments: str) -> str:
    """Run git as a user would."""
    environment = {**ENVIRONMENT, **IDENTITY}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


class Origin:
    """A repository with five commits on `main`, and the shallow checkout of a job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "origin"
        self.folder.mkdir()
        git(self.folder, "init", "--quiet", "--initial-branch", "main")
        self.shas = [self.push(str(number)) for number in range(5)]
        self.job = folder / "job"

    def push(self, text: str) -> str:
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", text)
        return git(self.folder, "rev-parse", "HEAD")

    def check_out(self, sha: str, depth: int = 1) -> None:
        """Fetch one commit as GitLab's runner does it."""
        self.job.mkdir()
        git(self.job, "init", "--quiet")
        git(self.job, "remote", "add", "origin", f"file://{self.folder}")
        shallow = [f"--depth={depth}"] if depth else []
        git(self.folder, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(self.job, "fetch", "--quiet", "--no-tags", *shallow, "origin", f"+{sha}:refs/remotes/origin/x")
        git(self.job, "checkout", "--quiet", "--detach", sha)

    def reach(self, ref: str, sha: str, space: str = HEADS) -> Reach:
        return RemoteHistory(GitCheckout(self.job, ENVIRONMENT), space).reach(ref, sha)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """Return a fresh origin."""
    return Origin(tmp_path)


def test_a_branch_that_has_moved_on_contains_its_commits(origin: Origin) -> None:
    """The head counts, and each commit that it has grown from, also for a checkout of one commit only."""
    sha = origin.shas[-1]
    origin.check_out(sha)
    assert origin.reach("main", sha) == Reach(sha, contains=True)
    head = [origin.push(text) for text in ("six", "seven")][-1]
    assert origin.reach("main", sha) == Reach(head, contains=True)
    # Commits that the shallow checkout does not have are found by making it whole.
    git(origin.folder, "branch", "old", origin.shas[0])
    assert origin.reach("old", sha) == Reach(origin.shas[0], contains=False)


def test_all_branches_and_tags_are_listed_with_their_commits(origin: Origin) -> None:
    """Of a tag with a message the commit is meant, and a branch and a tag of one name are told apart."""
    origin.check_out(origin.shas[-1])
    git(origin.folder, "tag", "v1", origin.shas[0])
    git(origin.folder, "tag", "--annotate", "--message", "two", "main", origin.shas[1])
    assert RemoteHistory(GitCheckout(origin.job, ENVIRONMENT), HEADS).heads() == {
        "refs/heads/main": origin.shas[-1],
        "refs/tags/main": origin.shas[1],
        "refs/tags/v1": origin.shas[0],
    }


@pytest.mark.parametrize("depth", [0, 1])
def test_a_forced_history_does_not_contain_what_it_has_dropped(origin: Origin, depth: int) -> None:
    """After a forced push the commit is not of this branch any more, although the object is still there."""
    sha = origin.shas[-1]
    origin.check_out(sha, depth)
    git(origin.folder, "reset", "--quiet", "--hard", origin.shas[2])
    head = origin.push("other")
    assert origin.reach("main", sha) == Reach(head, contains=False)


def test_a_merge_brings_its_commits_along(origin: Origin) -> None:
    """A commit that came into the branch by a merge is part of its history, in a shallow checkout, too."""
    git(origin.folder, "checkout", "--quiet", "-b", "feature")
    sha = origin.push("feature")
    origin.check_out(sha)
    git(origin.folder, "checkout", "--quiet", "main")
    origin.push("main goes on")
    git(origin.folder, "merge", "--quiet", "--no-ff", "feature", "--message", "merge")
    head = git(origin.folder, "rev-parse", "HEAD")
    assert origin.reach("main", sha) == Reach(head, contains=True)


def test_branches_and_tags_of_one_name_are_told_apart(origin: Origin) -> None:
    """A tag cannot stand in for the branch of its name, and a name does not match the end of a longer one."""
    old, sha = origin.shas[1], origin.shas[-1]
    origin.check_out(sha)
    git(origin.folder, "tag", "main", old)
    git(origin.folder, "tag", "--annotate", "v1", "--message", "one", sha)
    git(origin.folder, "branch", "team/refs/heads/gone", sha)
    assert origin.reach("main", sha).head == sha
    assert origin.reach("main", sha, TAGS) == Reach(old, contains=False)
    assert origin.reach("v1", sha, TAGS) == Reach(sha, contains=True)
    assert origin.reach("v1", sha) == Reach("", contains=False)
    assert origin.reach("gone", sha) == Reach("", contains=False)


def test_a_name_is_never_an_option_or_a_command(origin: Origin) -> None:
    """Whatever git takes for the name of a branch is asked for as that."""
    sha, head = origin.shas[-1], origin.shas[2]
    origin.check_out(sha, depth=0)
    for ref in ("-x", "--upload-pack=x", "x;id", "x$(id)", "äß", "a'b"):
        git(origin.folder, "update-ref", f"refs/heads/{ref}", head)
        assert origin.reach(ref, sha) == Reach(head, contains=False)


def test_who_cannot_ask_says_so_without_the_login(origin: Origin, tmp_path: Path) -> None:
    """No checkout is a matter of the job (2), an unreachable remote is machinery (3); a token is in neither."""
    origin.check_out(origin.shas[-1])
    git(origin.job, "remote", "set-url", "origin", "http://user:canary-token@127.0.0.1:9/x.git")
    with pytest.raises(MachineryError) as caught:
        origin.reach("main", origin.shas[-1])
    assert "canary" not in str(caught.value)
    git(origin.job, "remote", "remove", "origin")
    (tmp_path / "empty").mkdir()
    for place in (origin.job, tmp_path / "empty"):
        history = RemoteHistory(GitCheckout(place, ENVIRONMENT), HEADS)
        with pytest.raises(ConfigurationError, match="cannot ask") as nowhere:
            history.reach("main", origin.shas[-1])
        assert nowhere.value.hint
