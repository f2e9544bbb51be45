"""Looking at builds and packages from a terminal: list, show, logs, explain, artifacts, over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import Shop
from json_documents import conforming

pytestmark = pytest.mark.e2e

BROKEN = {"src/requirements.txt": "no-such-distribution-anywhere==1.0\n"}


@pytest.fixture(scope="module")
def looked_at(applied: Shop) -> tuple[Shop, list[str]]:
    """Return a project with three builds: of a commit, of the same again, and of one that cannot be built."""
    address = applied.running.gitlab_url.replace("://", f"://oauth2:{applied.running.gitlab_token}@")
    applied.git("remote", "add", "origin", f"{address}/{applied.project.path_with_namespace}.git")
    (applied.folder / ".gitignore").write_text("dist*/\n.orchestrator/\n")
    ids = []
    for files, options in (({}, ()), (None, ("--fresh",)), (BROKEN, ())):
        if files is not None:
            applied.commit({**applied.files(), **files})
        assert applied.orchestrator("prebuild").returncode == 0
        started = applied.orchestrator("build", *options)
        assert started.returncode == 0, started.stderr
        ids.append(applied.build_id())
        followed = applied.orchestrator("logs", "--follow", ids[-1])
        assert followed.returncode == 0, followed.stderr
    return applied, ids


def told(shop: Shop, *arguments: str) -> dict[str, object]:
    """Return the document that a command prints, which is one of its schema."""
    outcome = shop.orchestrator(*arguments, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return conforming(" ".join(arguments[:2]) if arguments[0] == "artifacts" else arguments[0], outcome.stdout)


def test_builds_are_listed_and_sifted(looked_at: tuple[Shop, list[str]]) -> None:
    """The newest build comes first; a status, a ref and a beginning of a commit keep what has them."""
    shop, ids = looked_at
    outcome = shop.orchestrator("builds")
    assert outcome.returncode == 0, outcome.stderr
    assert [line.split()[0] for line in outcome.stdout.splitlines()] == [
        "build",
        *(build.rpartition(":")[2][:8] for build in reversed(ids)),
    ]
    failed = told(shop, "builds", "--status", "failed", "--ref", "main", "--since", "1")["builds"]
    assert isinstance(failed, list)
    assert [(one["build_id"], one["phase"]) for one in failed] == [(ids[2], "BUILD")]
    sha = shop.git("rev-parse", "HEAD~1")
    assert len(told(shop, "builds", "--commit", sha[:7])["builds"]) == 2  # type: ignore[arg-type]
    watched = shop.orchestrator("builds", "--watch")
    assert watched.returncode == 0, watched.stderr
    assert len(watched.stdout.splitlines()) == 3


def test_a_build_is_shown(looked_at: tuple[Shop, list[str]]) -> None:
    """The page of a failed build says in which phase and why, that of a good one where its package lies."""
    shop, ids = looked_at
    outcome = shop.orchestrator("show", ids[2].rpartition(":")[2][:8])
    assert outcome.returncode == 0, outcome.stderr
    for words in ("FAILED in BUILD", "no-such-distribution-anywhere", "#" if "#" in outcome.stdout else "█"):
        assert words in outcome.stdout
    good = told(shop, "show", ids[0])
    assert good["failure"] is None
    assert isinstance(good["artifact"], dict)
    assert good["artifact"]["bucket"] == shop.bucket


def test_a_log_is_printed_whole(looked_at: tuple[Shop, list[str]]) -> None:
    """From its first to its last line, as lines and as a document; a deleted one is named as missing."""
    shop, ids = looked_at
    outcome = shop.orchestrator("logs", ids[0])
    assert outcome.returncode == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert "Waiting for DOWNLOAD_SOURCE" in lines[0]
    assert any("Phase complete: POST_BUILD State: SUCCEEDED" in line for line in lines)
    document = told(shop, "logs", ids[0])
    assert isinstance(document["lines"], list)
    assert [text for line in document["lines"] for text in line["text"].rstrip().split("\n")] == lines
    build = told(shop, "show", ids[1])
    shop.aws("logs").delete_log_stream(logGroupName=build["log_group"], logStreamName=build["log_stream"])
    outcome = shop.orchestrator("logs", ids[1])
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == ""
    assert "missing: " in outcome.stderr


def test_a_build_is_explained(looked_at: tuple[Shop, list[str]]) -> None:
    """Each of the three builds has its own reason, and the inputs that differ."""
    shop, ids = looked_at
    reasons = [told(shop, "explain", build) for build in ids]
    assert "first build" in reasons[0]["reasons"][0]  # type: ignore[index]
    assert "a new build was asked for" in reasons[1]["reasons"][0]  # type: ignore[index]
    assert reasons[1]["manifests_compared"] is True
    assert reasons[1]["differences"] == []
    assert "no build of this commit" in reasons[2]["reasons"][0]  # type: ignore[index]
    assert reasons[2]["differences"][0]["input"] == "commit"  # type: ignore[index]
    outcome = shop.orchestrator("explain", ids[2])
    assert "commit    " in outcome.stdout


def test_a_package_is_fetched_and_verified(looked_at: tuple[Shop, list[str]], tmp_path: Path) -> None:
    """A package is checked in the store and in a folder; one changed byte in either is refused with 5."""
    shop, ids = looked_at
    fetched = told(shop, "artifacts", "get", ids[0], "--output", "dist-get")
    assert (shop.folder / "dist-get" / "package.zip").stat().st_size == fetched["size_bytes"]
    for subject in (ids[0], "dist-get"):
        outcome = shop.orchestrator("artifacts", "verify", subject)
        assert outcome.returncode == 0, outcome.stderr
        assert ids[0] in outcome.stdout
    package = shop.folder / "dist-get" / "package.zip"
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    outcome = shop.orchestrator("artifacts", "verify", "dist-get")
    assert outcome.returncode == 5, outcome.stderr
    outcome = shop.orchestrator("artifacts", "get", ids[2])
    assert outcome.returncode == 1, outcome.stderr
    outcome = shop.orchestrator("artifacts", "verify", str(tmp_path))
    assert outcome.returncode == 2, outcome.stderr


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        ("other-project:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", 5, "not a build of this project"),
        ("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", 2, "knows no build"),
        ("arn:aws:codebuild:us-west-1:1:build/x", 2, "no build id"),
        ("nonsense", 2, "no build id"),
    ],
    ids=["foreign", "deleted", "arn", "malformed"],
)
@pytest.mark.parametrize("command", ["show", "logs", "explain"])
def test_what_is_no_build_has_clear_words(
    looked_at: tuple[Shop, list[str]], command: str, build: str, code: int, words: str
) -> None:
    """Foreign, deleted and malformed ids end with their exit code and nothing on standard output."""
    outcome = looked_at[0].orchestrator(command, build)
    assert (outcome.returncode, outcome.stdout) == (code, "")
    assert words in outcome.stderr


def test_pruning_takes_what_nobody_needs(looked_at: tuple[Shop, list[str]]) -> None:
    """A dry run changes nothing; without somebody to ask nothing goes; then the older package goes for good."""
    shop, ids = looked_at
    before = shop.keys("artifacts/")
    dry = told(shop, "artifacts", "prune", "--older-than", "0", "--dry-run")
    assert isinstance(dry["packages"], list)
    assert [(one["build_id"], one["goes"]) for one in dry["packages"]] == [(ids[1], False), (ids[0], True)]
    asked = shop.orchestrator("artifacts", "prune", "--older-than", "0")
    assert asked.returncode == 2
    assert "; 1 stay\n  1 stays: " in asked.stderr
    assert "nobody is here to ask" in asked.stderr
    assert shop.keys("artifacts/") == before
    gone = told(shop, "artifacts", "prune", "--older-than", "0", "--yes")
    assert gone["freed_bytes"] == gone["size_bytes"]
    listed = told(shop, "artifacts", "list")["packages"]
    assert isinstance(listed, list)
    assert [one["build_id"] for one in listed] == [ids[1]]
    stored = datetime.fromisoformat(listed[0]["stored"].replace("Z", "+00:00"))
    assert datetime.now(timezone.utc) - stored < timedelta(hours=1)
    left = shop.aws("s3").list_object_versions(Bucket=shop.bucket, Prefix="artifacts/")
    assert not left.get("DeleteMarkers")
    assert all(ids[1].rpartition(":")[2] in item["Key"] for item in left["Versions"])
