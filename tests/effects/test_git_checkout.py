"""The local checkout, with real git."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator.effects.git import GitCheckout, tracked_in
from orchestrator.errors import ConfigurationError, MachineryError

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "test"), ("EMAIL", "test@example.com"), ("DATE", "2026-01-01T00:00:00Z"))
}

SUBSTITUTED = "$Format:%H%D%d$ $Format:%(describe)$\n"


def git(folder: Path, *arguments: str) -> str:
    """Run git as a user would."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, env={**ENVIRONMENT, **IDENTITY}, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of two commits."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for text in ("one", "two"):
        (folder / "src" / "handler.py").write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", text)
    return folder


def test_the_snapshot_is_the_commit_and_says_so(repository: Path, tmp_path: Path) -> None:
    """The archive holds the files of exactly that commit, and its id."""
    sha = git(repository, "rev-parse", "HEAD~1")
    snapshot = GitCheckout(repository, ENVIRONMENT).snapshot(sha, tmp_path / "out" / "snapshot.tar.gz")
    tar = gzip.decompress(snapshot.path.read_bytes())
    assert hashlib.sha256(tar).hexdigest() == snapshot.tar_sha256
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.pax_headers["comment"] == sha
        file = archive.extractfile("src/handler.py")
        assert file is not None
        assert file.read() == b"one"


def test_equal_commits_give_equal_snapshots(repository: Path, tmp_path: Path) -> None:
    """Another folder, umask, time zone or git configuration changes no byte, so a retry finds what is stored."""
    sha = git(repository, "rev-parse", "HEAD")
    first = GitCheckout(repository, ENVIRONMENT).snapshot(sha, tmp_path / "first")
    git(repository, "config", "tar.umask", "0077")
    git(repository, "config", "tar.tar.gz.command", "false")
    before = os.umask(0o077)
    try:
        second = GitCheckout(repository / "src", {**ENVIRONMENT, "TZ": "Asia/Tokyo"}).snapshot(sha, tmp_path / "second")
    finally:
        os.umask(before)
    assert first.tar_sha256 == second.tar_sha256
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_folder_below_the_top_gives_the_whole_tree(repository: Path, tmp_path: Path) -> None:
    """The snapshot is of the repository, wherever in it the command runs."""
    checkout = GitCheckout(repository / "src", ENVIRONMENT)
    commit = checkout.commit("HEAD")
    assert list(commit.files) == ["src/handler.py"]
    with tarfile.open(checkout.snapshot(commit.sha, tmp_path / "s.tar.gz").path) as archive:
        assert "src/handler.py" in archive.getnames()


@pytest.mark.parametrize("revision", ["f" * 40, "no-such-branch", "--upload-pack=x", "-h", "HEAD:src", "", "HEAD~9"])
def test_what_names_no_commit_is_a_clear_error(repository: Path, revision: str) -> None:
    """A revision that names no commit, or looks like an option, is refused with a hint."""
    with pytest.raises(ConfigurationError) as caught:
        GitCheckout(repository, ENVIRONMENT).commit(revision)
    assert caught.value.hint


def test_a_shallow_clone_is_named(repository: Path, tmp_path: Path) -> None:
    """A commit that a shallow clone lacks gives the way to fetch it; the newest commit is there."""
    old = git(repository, "rev-parse", "HEAD~1")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    checkout = GitCheckout(tmp_path / "shallow", ENVIRONMENT)
    assert checkout.commit("HEAD").sha == git(repository, "rev-parse", "HEAD")
    with pytest.raises(ConfigurationError, match=old) as caught:
        checkout.commit(old)
    assert "unshallow" in caught.value.hint


def test_outside_of_git_is_named(tmp_path: Path) -> None:
    """A folder that is no checkout is said to be none."""
    with pytest.raises(ConfigurationError, match="not a git checkout"):
        GitCheckout(tmp_path, ENVIRONMENT).commit("HEAD")


def test_changes_are_seen_and_untracked_files_are_not(repository: Path) -> None:
    """A tracked file that differs is reported; files that jobs leave behind are not."""
    checkout = GitCheckout(repository, ENVIRONMENT)
    (repository / "left-behind").write_text("x")
    assert checkout.changed_files() == ()
    (repository / "src" / "handler.py").write_text("three")
    assert list(checkout.changed_files()) == ["src/handler.py"]


def test_variables_of_git_do_not_move_it_elsewhere(repository: Path, tmp_path: Path) -> None:
    """GIT_DIR and its like in the environment do not make it read another repository."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    checkout = GitCheckout(repository, {**ENVIRONMENT, "GIT_DIR": str(other / ".git")})
    assert checkout.commit("HEAD").sha == git(repository, "rev-parse", "HEAD")


def test_hooks_and_monitors_of_a_repository_do_not_run(repository: Path, tmp_path: Path) -> None:
    """What a repository configures as a program is not run by looking at it."""
    spy = tmp_path / "spy"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {spy}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    GitCheckout(repository, ENVIRONMENT).changed_files()
    assert not spy.exists()


def test_the_place_in_the_repository_is_known_without_git(repository: Path, tmp_path: Path) -> None:
    """A folder knows its path in its repository even where git is missing or refuses to tell."""
    (tmp_path / "link").symlink_to(repository / "src")
    nothing = {"PATH": str(tmp_path)}
    assert GitCheckout(repository, nothing).place() == "."
    assert GitCheckout(repository / "src", nothing).place() == "src"
    assert GitCheckout(tmp_path / "link", nothing).place() == "src"
    assert GitCheckout(tmp_path, nothing).place() == "."


def test_tracked_files_are_known(repository: Path, tmp_path: Path) -> None:
    """What git tracks below a path is listed; outside of a repository nothing is."""
    assert GitCheckout(repository, ENVIRONMENT).tracked("src") == ("src/handler.py",)
    assert GitCheckout(repository, ENVIRONMENT).tracked(".orchestrator") == ()
    assert GitCheckout(tmp_path, ENVIRONMENT).tracked("src") == ()


def test_a_snapshot_that_fails_leaves_no_file(repository: Path, tmp_path: Path) -> None:
    """When git cannot archive a commit, or nothing can be written, no half archive is left."""
    with pytest.raises(MachineryError, match="git archive"):
        GitCheckout(repository, ENVIRONMENT).snapshot("f" * 40, tmp_path / "out" / "x.tar.gz")
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot write"):
        GitCheckout(repository, ENVIRONMENT).snapshot(git(repository, "rev-parse", "HEAD"), tmp_path / "file" / "x")


def _substituting(repository: Path) -> str:
    """Commit a file that wants to be substituted and one that wants to stay; return the SHA."""
    (repository / ".gitattributes").write_text("version.txt export-subst\nprivate.txt export-ignore\n")
    (repository / "version.txt").write_text(SUBSTITUTED)
    (repository / "private.txt").write_text("x")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "three")
    return git(repository, "rev-parse", "HEAD")


def _digest(checkout: Path, sha: str, target: Path, **variables: str) -> str:
    return GitCheckout(checkout, {**ENVIRONMENT, **variables}).snapshot(sha, target).tar_sha256


def test_the_refs_of_a_checkout_are_not_in_the_snapshot(repository: Path, tmp_path: Path) -> None:
    """Tags and refs that come and go change no byte: `export-subst` is left alone, `export-ignore` is honoured."""
    sha = _substituting(repository)
    first = _digest(repository, sha, tmp_path / "first")
    git(repository, "tag", "v1")
    git(repository, "update-ref", "refs/pipelines/7", sha)
    (repository / ".git" / "info" / "attributes").write_text("* export-ignore\n")
    assert _digest(repository, sha, tmp_path / "second") == first
    with tarfile.open(tmp_path / "second") as archive:
        assert "private.txt" not in archive.getnames()
        file = archive.extractfile("version.txt")
        assert file is not None
        assert file.read().decode() == SUBSTITUTED


def test_a_filter_of_the_machine_is_not_in_the_snapshot(repository: Path, tmp_path: Path) -> None:
    """A filter that somebody has set up for all repositories, as Git LFS does, neither runs nor is missed."""
    (repository / ".gitattributes").write_text("* filter=lfs\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "three")
    sha = git(repository, "rev-parse", "HEAD")
    first = _digest(repository, sha, tmp_path / "first")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text('[filter "lfs"]\n\tsmudge = tr a-z A-Z\n\trequired = true\n')
    assert _digest(repository, sha, tmp_path / "second", HOME=str(tmp_path / "home")) == first


@pytest.mark.parametrize(
    "make",
    [
        ("clone", "--quiet", "--depth", "1", "file://{repository}", "{copy}"),
        ("clone", "--quiet", "--shared", "{repository}", "{copy}"),
        ("clone", "--quiet", "--filter=blob:none", "--no-checkout", "file://{repository}", "{copy}"),
        ("-C", "{repository}", "worktree", "add", "--quiet", "--detach", "{copy}"),
    ],
    ids=["shallow", "alternates", "partial", "worktree"],
)
def test_every_kind_of_checkout_gives_the_same_snapshot(
    repository: Path, tmp_path: Path, make: tuple[str, ...]
) -> None:
    """Wherever a checkout has its objects, and whatever its path is spelt like, a commit has one digest."""
    sha = _substituting(repository)
    git(repository, "config", "uploadpack.allowFilter", "true")
    copy = tmp_path / 'a "copy":\n here'
    git(tmp_path, *(part.format(repository=repository, copy=copy) for part in make))
    assert _digest(copy, sha, tmp_path / "second") == _digest(repository, sha, tmp_path / "first")


def test_objects_of_the_longer_format_are_archived(tmp_path: Path) -> None:
    """A repository with SHA-256 as its object format gives a snapshot, too."""
    git(tmp_path, "init", "--quiet", "--object-format", "sha256")
    sha = _substituting(tmp_path)
    with tarfile.open(GitCheckout(tmp_path, ENVIRONMENT).snapshot(sha, tmp_path / "snapshot").path) as archive:
        assert archive.pax_headers["comment"] == sha


def test_what_git_tracks_in_a_folder_is_known_by_any_of_its_paths(repository: Path, tmp_path: Path) -> None:
    """A tracked file is found through a link and where its folder was removed; what git does not track is not."""
    names = ["handler.py", "other.py"]
    (tmp_path / "link").symlink_to(repository / "src")
    (repository / "src" / "other.py").touch()
    assert tracked_in(tmp_path / "link", names, ENVIRONMENT) == ("handler.py",)
    for file in (repository / "src").iterdir():
        file.unlink()
    (repository / "src").rmdir()
    assert tracked_in(repository / "src", names, ENVIRONMENT) == ("handler.py",)
    assert tracked_in(repository / "dist" / "deeper", names, ENVIRONMENT) == ()
    assert tracked_in(tmp_path / "outside", names, ENVIRONMENT) == ()
