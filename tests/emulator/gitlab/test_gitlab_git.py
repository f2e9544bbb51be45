"""Git over HTTP with the real git, and which pushes start pipelines."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

CI = "job: {rules: [{if: $NEVER}, {if: $CI_PIPELINE_SOURCE == 'push', when: manual}], script: ['true']}"


def shared_refs() -> list[str]:
    """Return the ref names of the shared corpus that git accepts."""
    folder = os.environ.get("ORCHESTRATOR_SHARED_DATA")
    path = Path(folder) / "refs.tsv" if folder else Path(__file__).parents[4] / "shared" / "data" / "refs.tsv"
    if not path.is_file():
        assert os.environ.get("CI") != "true", f"the corpus of ref names is missing: {path}"
        return ["main", "feature/a", "a,b", "prod/db,type=SECRETS_MANAGER", "--orphan", "$IFS", "x`id`", "\u202ex"]
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, dialect="excel-tab")
        return [unescape(row["ref"]) for row in rows if row["push_ok"] == "True"]


def unescape(text: str) -> str:
    """Return the name that a line of the corpus stands for."""
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")


def test_every_ref_name_arrives_unchanged(repo: Any) -> None:
    """Whatever branch name git accepts, the pipeline's ref and `CI_COMMIT_REF_NAME` are exactly that name."""
    names = shared_refs()
    assert len(names) > 5
    script = "printf '%s' \"$CI_COMMIT_REF_NAME\" > ref"
    ci = json.dumps({"job": {"variables": {"GIT_DEPTH": 1}, "script": [script], "artifacts": {"paths": ["ref"]}}})
    repo.commit({".gitlab-ci.yml": ci})
    for name in names:
        repo.git("push", "-q", repo.remote, f"HEAD:refs/heads/{name}")
    pipelines = repo.project.pipelines.list(get_all=True)
    assert {item.ref for item in pipelines} == set(names)
    for pipeline in pipelines:
        done = repo.wait(repo.project.pipelines.get(pipeline.id), seconds=60)
        job = repo.jobs(done)["job"]
        assert done.status == "success", (pipeline.ref, repo.trace(job))
        assert job.artifact("ref").decode() == pipeline.ref


def test_pushes_of_branches_and_tags_start_pipelines_and_deletes_do_not(repo: Any) -> None:
    """Each moved ref of one push has its pipeline, with the SHA before it; deleting starts nothing."""
    first = repo.push({".gitlab-ci.yml": CI})
    second = repo.commit({"x": "1"})
    repo.git("tag", "-a", "v1", "-m", "annotated")
    repo.git("push", "-q", repo.remote, "HEAD:refs/heads/main", "HEAD:refs/heads/topic", "v1")
    found = {(item.ref, item.sha) for item in repo.project.pipelines.list(get_all=True)}
    assert found == {("main", first), ("main", second), ("topic", second), ("v1", second)}
    main = repo.pipeline(ref="main")
    assert (main.before_sha, main.tag) == (first, False)
    assert repo.pipeline(ref="v1").tag is True
    repo.git("push", "-q", repo.remote, ":topic", ":v1")
    assert len(repo.project.pipelines.list(get_all=True)) == 4
    assert [item.name for item in repo.project.branches.list(get_all=True)] == ["main"]


@pytest.mark.parametrize(
    ("message", "options"),
    [("work [ci skip]", ()), ("work [skip ci]", ()), ("[SKIP-CI] work", ()), ("work", ("-o", "ci.skip"))],
)
def test_skipped_pushes(repo: Any, message: str, options: tuple[str, ...]) -> None:
    """A commit or push that asks for it runs no job: its pipeline is `skipped` from the start."""
    repo.push({".gitlab-ci.yml": CI}, message=message, options=options)
    pipelines = repo.project.pipelines.list(get_all=True)
    assert [item.status for item in pipelines] == ["skipped"]
    assert repo.jobs(repo.pipeline()) == {}


def test_push_options_become_variables(repo: Any) -> None:
    """`git push -o ci.variable=K=V` gives the pipeline a variable."""
    ci = "job: {rules: [{if: $COLOUR == 'blue = sky'}], script: ['true']}"
    repo.push({".gitlab-ci.yml": ci}, options=("-o", "ci.variable=COLOUR=blue = sky"))
    assert [item.key for item in repo.pipeline().variables.list(get_all=True)] == ["COLOUR"]


def test_forty_megabytes_go_through(repo: Any, tmp_path: Path) -> None:
    """A big push arrives whole, and can be cloned again."""
    repo.push({"big.bin": os.urandom(40 << 20)})
    clone = tmp_path / "clone"
    repo.git("clone", "-q", repo.remote, str(clone))
    assert (clone / "big.bin").read_bytes() == (repo.directory / "big.bin").read_bytes()


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ("", 401),
        ("root:wrong@", 401),
        ("root:glpat-root-of-the-tests@", 200),
        ("any-name:glpat-root-of-the-tests@", 200),
    ],
)
def test_who_may_fetch(repo: Any, server: Any, credentials: str, status: int) -> None:
    """A private project needs a token; the user name does not matter."""
    address = repo.url.replace("://", f"://{credentials}")
    answer = requests.get(
        f"{address}/{repo.project.path_with_namespace}.git/info/refs?service=git-upload-pack", timeout=10
    )
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_project_that_does_not_exist(server: Any) -> None:
    """Git is told that there is no such project, and a dumb client that it is too dumb."""
    address = f"{server.url}/no/such.git/info/refs"
    auth = ("root", "glpat-root-of-the-tests")
    assert requests.get(f"{address}?service=git-upload-pack", auth=auth, timeout=10).status_code == 404
    assert requests.get(address, auth=auth, timeout=10).status_code == 403
    assert requests.get(f"{server.url}/../../etc.git/HEAD", auth=auth, timeout=10).status_code == 404


def test_job_token_reads_but_never_pushes(repo: Any) -> None:
    """A job can fetch with its token, and a push with it is refused."""
    ci = """
job:
  script:
    - git fetch -q origin
    - if git push -q origin HEAD:refs/heads/evil 2> error; then exit 1; fi
    - cat error
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success", repo.trace(jobs["job"])
    assert "403" in repo.trace(jobs["job"])
    assert "evil" not in {item.name for item in repo.project.branches.list(get_all=True)}


def test_machine_configuration_does_not_interfere(repo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks and settings of whoever runs the emulator change nothing."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-receive", "update", "post-receive", "post-checkout"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f"[core]\n\thooksPath = {hooks}\n[receive]\n\tdenyNonFastForwards = true\n[http]\n\treceivepack = false\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_WORK_TREE", "/nonexistent")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    work = repo.directory
    for number, command in enumerate(
        (["commit", "-q", "--allow-empty", "-m", "x"], ["push", "-q", "-f", repo.remote, "HEAD:main"])
    ):
        (work / ".gitlab-ci.yml").write_text("job: {script: ['true']}")
        subprocess.run(["git", "add", "-A"], cwd=work, env=environment, check=True)
        people = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *people, *command], cwd=work, env=environment, check=True)
        assert number < 2
    assert repo.wait().status == "success"


def test_gzipped_and_shallow_requests(repo: Any, tmp_path: Path) -> None:
    """Clients that compress their requests or want single commits are served."""
    shas = [repo.push({"n": str(number)}) for number in range(30)]
    clone = tmp_path / "one"
    clone.mkdir()
    repo.git("init", "-q", str(clone))
    repo.git("-C", str(clone), "fetch", "-q", "--depth=1", repo.remote, shas[7])
    found = repo.git("-C", str(clone), "rev-parse", "FETCH_HEAD").stdout.strip()
    assert found == shas[7]
    many = tmp_path / "many"
    repo.git("clone", "-q", repo.remote, str(many))
    repo.push({"n": "next"})
    repo.git("-C", str(many), "fetch", "-q")
