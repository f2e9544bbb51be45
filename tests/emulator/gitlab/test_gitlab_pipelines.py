"""Pipelines really run: order, variables, artifacts, failures, retries, cancelling."""

from __future__ import annotations

import base64
import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import gitlab
import pytest

from orchestrator.emulator.processes import start_time


def until(condition: Any, seconds: float = 15) -> Any:
    """Wait until a condition holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.03)
    return value


def test_stages_run_in_order_and_hand_on_artifacts_and_dotenv(repo: Any) -> None:
    """Stages follow each other, and artifacts and dotenv variables of earlier jobs reach later ones."""
    ci = """
stages: [one, two]
second:
  stage: two
  script:
    - cat out/made.txt
    - test -x out/run.sh
    - test "$(readlink out/link)" = made.txt
    - test ! -e out/private.txt
    - echo "dotenv says $GREETING"
first:
  stage: one
  script:
    - mkdir out && echo "$CI_COMMIT_SHA" > out/made.txt && echo secret > out/private.txt
    - printf 'exit 0' > out/run.sh && chmod +x out/run.sh && ln -s made.txt out/link
    - echo "GREETING=good morning" > build.env
  artifacts:
    paths: [out/]
    exclude: ["out/*private*"]
    expire_in: 1 day
    reports: {dotenv: build.env}
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success", repo.trace(jobs["second"])
    assert pipeline.sha in repo.trace(jobs["second"])
    assert "dotenv says good morning" in repo.trace(jobs["second"])
    assert jobs["first"].artifacts_file["filename"] == "artifacts.zip"
    names = zipfile.ZipFile(io.BytesIO(jobs["first"].artifacts())).namelist()
    assert "out/made.txt" in names
    assert jobs["first"].artifact("out/made.txt").decode().strip() == pipeline.sha
    with pytest.raises(gitlab.GitlabGetError) as missing:
        jobs["first"].artifact("out/other.txt")
    assert missing.value.response_code == 404


def test_needs_start_jobs_before_their_stage_and_pick_artifacts(repo: Any) -> None:
    """`needs` lets a job run ahead of its stage, and brings only the artifacts it names."""
    ci = """
stages: [a, b, c]
make1: {stage: a, script: [echo 1 > 1.txt], artifacts: {paths: [1.txt]}}
make2: {stage: a, script: [echo 2 > 2.txt], artifacts: {paths: [2.txt]}}
slow: {stage: b, needs: [], script: [test ! -e 1.txt]}
picky:
  stage: c
  needs: [make1, {job: make2, artifacts: false}, {job: ghost, optional: true}]
  script: [test -e 1.txt, test ! -e 2.txt]
plain: {stage: c, dependencies: [make2], script: [test ! -e 1.txt, test -e 2.txt]}
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success", {name: job.status for name, job in jobs.items()}


@pytest.mark.parametrize(
    ("job", "pipeline_status", "statuses"),
    [
        ("bad: {stage: a, script: [exit 7]}", "failed", {"bad": "failed", "after": "skipped", "rescue": "success"}),
        (
            "bad: {stage: a, script: [exit 7], allow_failure: true}",
            "success",
            {"bad": "failed", "after": "success", "rescue": "skipped"},
        ),
        (
            "bad: {stage: a, script: [exit 7], allow_failure: {exit_codes: [7]}}",
            "success",
            {"bad": "failed", "after": "success", "rescue": "skipped"},
        ),
        (
            "bad: {stage: a, script: [exit 7], allow_failure: {exit_codes: 8}}",
            "failed",
            {"bad": "failed", "after": "skipped", "rescue": "success"},
        ),
        (
            "bad: {stage: a, script: [exit 0], when: manual}",
            "success",
            {"bad": "manual", "after": "success", "rescue": "skipped"},
        ),
        (
            "bad: {stage: a, script: [exit 0], when: manual, allow_failure: false}",
            "manual",
            {"bad": "manual", "after": "created", "rescue": "created"},
        ),
        (
            "bad: {stage: a, script: [exit 0], rules: [{when: manual}]}",
            "manual",
            {"bad": "manual", "after": "created", "rescue": "created"},
        ),
    ],
)
def test_what_follows_a_job(repo: Any, job: str, pipeline_status: str, statuses: dict[str, str]) -> None:
    """Failures, allowed failures and manual jobs decide what runs afterwards as on GitLab."""
    ci = f"""
stages: [a, b]
{job}
after: {{stage: b, script: ["true"]}}
rescue: {{stage: b, when: on_failure, script: ["true"]}}
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == pipeline_status
    assert {name: found.status for name, found in jobs.items()} == statuses
    if jobs["bad"].status == "failed":
        assert jobs["bad"].failure_reason == "script_failure"
        assert jobs["bad"].exit_code == 7


def test_script_semantics(repo: Any) -> None:
    """Lines share one shell, pipes fail as a whole, lists nest, after_script is a shell of its own."""
    ci = """
shared: &lines
  - export CARRIED=over
.more: {script: ["echo from-reference"]}
good:
  before_script: [*lines, [["echo nested"]]]
  script:
    - echo "carried $CARRIED"
    - !reference [.more, script]
    - |
      if true; then
        echo block
      fi
    - cd / && pwd
    - 'echo "status $CI_JOB_STATUS"'
  after_script:
    - 'echo "after: $CI_JOB_STATUS, carried ${CARRIED:-nothing}, $(pwd)"'
    - exit 9
shared_lines: {script: *lines}
piped: {script: ["false | cat", echo not-reached]}
middle: {script: ["false", echo not-reached]}
""".replace("shared: &lines\n  - export", ".shared: &lines\n  - export")
    pipeline, jobs = repo.run(ci)
    trace = repo.trace(jobs["good"])
    for expected in ("carried over", "nested", "from-reference", "block", "status running", "$ cd / && pwd"):
        assert expected in trace
    assert "$ if true; then # collapsed multi-line command" in trace
    assert "after: success, carried nothing" in trace
    assert jobs["good"].status == "success"
    for name in ("piped", "middle"):
        assert jobs[name].status == "failed"
        assert "\nnot-reached" not in repo.trace(jobs[name])
    assert pipeline.status == "failed"


def test_environment_is_built_from_nothing(repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job sees no variable of the machine, but network settings, its CI variables and its own HOME."""
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "leaked")
    monkeypatch.setenv("UV_PYTHON", "3.1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    pipeline, jobs = repo.run("job: {script: ['env | sort', 'test -d \"$HOME\"', 'test -z \"$(ls -A \"$HOME\")\"']}")
    trace = repo.trace(jobs["job"])
    assert pipeline.status == "success", trace
    assert "leaked" not in trace
    assert "UV_PYTHON" not in trace
    assert "https_proxy=http://127.0.0.1:9" in trace
    assert "FROM_THE_PROCESS=yes" in trace
    assert f"HOME={os.environ.get('HOME')}\n" not in trace


def test_predefined_variables(repo: Any, server: Any) -> None:
    """The predefined variables say what GitLab's say."""
    names = (
        "CI GITLAB_CI CI_API_V4_URL CI_SERVER_URL CI_SERVER_FQDN CI_COMMIT_BRANCH CI_COMMIT_REF_NAME "
        "CI_COMMIT_REF_SLUG "
        "CI_COMMIT_SHA CI_COMMIT_SHORT_SHA CI_COMMIT_TITLE CI_COMMIT_AUTHOR CI_COMMIT_REF_PROTECTED CI_DEFAULT_BRANCH "
        "CI_PIPELINE_SOURCE CI_PIPELINE_ID CI_PIPELINE_IID CI_PIPELINE_URL CI_PROJECT_PATH CI_PROJECT_NAMESPACE "
        "CI_PROJECT_NAME CI_PROJECT_ID CI_JOB_NAME CI_JOB_STAGE CI_JOB_ID CI_JOB_URL GITLAB_USER_LOGIN "
        "CI_PROJECT_DIR PWD "
        "CI_NODE_TOTAL CI_PROJECT_ROOT_NAMESPACE CI_JOB_IMAGE CI_ENVIRONMENT_NAME CI_ENVIRONMENT_SLUG"
    )
    ci = f"""
job:
  image: python:3.12
  environment: review/$CI_COMMIT_REF_SLUG
  script:
    - for name in {names}; do echo "$name=$(printenv "$name")"; done
    - test -z "$CI_COMMIT_TAG" && test -n "$CI_JOB_STARTED_AT" && test -n "$CI_COMMIT_TIMESTAMP"
    - git fetch -q origin "$CI_COMMIT_SHA" && git ls-remote "$CI_REPOSITORY_URL" > /dev/null
"""
    pipeline, jobs = repo.run(ci, to="Feature/A_1", message="The title\n\nThe body")
    job = jobs["job"]
    trace = repo.trace(job)
    assert pipeline.status == "success", trace
    lines = (line.split("=", 1) for line in trace.splitlines() if "=" in line and not line.startswith("\x1b"))
    seen = {pair[0]: pair[1] for pair in lines}
    path = repo.project.path_with_namespace
    assert seen == {
        **seen,
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{server.url}/api/v4",
        "CI_SERVER_URL": server.url,
        "CI_SERVER_FQDN": server.url.removeprefix("http://"),
        "CI_COMMIT_BRANCH": "Feature/A_1",
        "CI_COMMIT_REF_NAME": "Feature/A_1",
        "CI_COMMIT_REF_SLUG": "feature-a-1",
        "CI_COMMIT_SHA": pipeline.sha,
        "CI_COMMIT_SHORT_SHA": pipeline.sha[:8],
        "CI_COMMIT_TITLE": "The title",
        "CI_COMMIT_AUTHOR": "Ada Lovelace <ada@example.com>",
        "CI_COMMIT_REF_PROTECTED": "true",
        "CI_DEFAULT_BRANCH": "Feature/A_1",
        "CI_PIPELINE_SOURCE": "push",
        "CI_PIPELINE_ID": str(pipeline.id),
        "CI_PIPELINE_IID": "1",
        "CI_PIPELINE_URL": pipeline.web_url,
        "CI_PROJECT_PATH": path,
        "CI_PROJECT_NAMESPACE": "acme/tools",
        "CI_PROJECT_ROOT_NAMESPACE": "acme",
        "CI_PROJECT_NAME": path.rsplit("/", 1)[1],
        "CI_PROJECT_ID": str(repo.project.id),
        "CI_JOB_NAME": "job",
        "CI_JOB_STAGE": "test",
        "CI_JOB_ID": str(job.id),
        "CI_JOB_URL": job.web_url,
        "CI_JOB_IMAGE": "python:3.12",
        "CI_NODE_TOTAL": "1",
        "GITLAB_USER_LOGIN": "root",
        "CI_ENVIRONMENT_NAME": "review/feature-a-1",
        "PWD": seen["CI_PROJECT_DIR"],
    }


def test_variable_precedence_and_masking(repo: Any) -> None:
    """Trigger over project over dotenv over job over rule over global variables; masked values never show."""
    for name, value, extra in (
        ("V2", "project", {}),
        ("V1", "project", {}),
        ("HIDDEN", "s3cr3t-value", {"masked": True}),
        ("GUARDED", "only-on-protected", {"protected": True}),
        ("FILE", "in a file", {"variable_type": "file"}),
        ("SCOPED", "of production", {"environment_scope": "production"}),
        ("RAW", "$V1", {"raw": True}),
    ):
        repo.project.variables.create({"key": name, "value": value, **extra})
    ci = """
variables:
  {V1: global, V2: global, V3: global, V4: global, V5: global, NESTED: "<$V4>", KEPT: {value: "$V4", expand: false}}
dot: {stage: build, script: ['echo "V3=dotenv" > e'], artifacts: {reports: {dotenv: e}}}
job:
  variables: {V1: job, V2: job, V3: job, V4: job, ESCAPED: "$$V4", CIRCLE: "$CIRCLE x"}
  rules: [{if: $V4 == "job", variables: {V5: rule}}]
  script:
    - echo "[$V1 $V2 $V3 $V4 $V5 $NESTED $KEPT $ESCAPED $RAW $GUARDED $SCOPED $UNKNOWN]"
    - echo "masked $HIDDEN; token $CI_JOB_TOKEN"
    - cat "$FILE"
"""
    repo.push({".gitlab-ci.yml": ci, "a": "1"}, message="first [ci skip]")
    pipeline = repo.project.pipelines.create({"ref": "main", "variables": [{"key": "V1", "value": "pipeline"}]})
    repo.wait(pipeline)
    job = repo.jobs(pipeline)["job"]
    trace = repo.trace(job)
    assert "[pipeline project dotenv job rule <job> $V4 $V4 $V1 only-on-protected  ]" in trace
    assert "s3cr3t-value" not in trace
    assert "masked [MASKED]; token [MASKED]" in trace
    assert "in a file" in trace
    repo.git("push", "-q", repo.remote, "HEAD:refs/heads/feature")
    repo.push({"b": "1"}, to="feature")
    repo.wait()
    assert "only-on-protected" not in repo.trace(repo.jobs()["job"])


def test_retry_of_a_job(repo: Any) -> None:
    """`retry` runs a failed job again for the right reasons only, and the old tries stay visible."""
    ci = """
codes: {script: [exit 3], retry: {max: 2, exit_codes: 3}}
other: {script: [exit 4], retry: {max: 2, exit_codes: [3]}}
reason: {script: [exit 1], retry: {max: 1, when: runner_system_failure}}
plain: {script: [exit 1], retry: 1}
"""
    pipeline, _ = repo.run(ci)
    everything = pipeline.jobs.list(include_retried=True, get_all=True)
    counts = {name: sum(job.name == name for job in everything) for name in ("codes", "other", "reason", "plain")}
    assert counts == {"codes": 3, "other": 1, "reason": 1, "plain": 2}
    assert len(pipeline.jobs.list(get_all=True)) == 4


def test_manual_retry_revives_what_was_skipped(repo: Any) -> None:
    """Retrying a failed job by hand lets the skipped jobs behind it run."""
    ci = "stages: [a, b]\none: {stage: a, script: ['test -n \"$FIXED\"']}\ntwo: {stage: b, script: ['true']}\n"
    pipeline, jobs = repo.run(ci)
    assert jobs["two"].status == "skipped"
    repo.project.variables.create({"key": "FIXED", "value": "1"})
    jobs["one"].retry()
    until(lambda: repo.project.pipelines.get(pipeline.id).status == "success")
    with pytest.raises(gitlab.GitlabJobRetryError):
        jobs["one"].retry()


def test_manual_job_with_variables(repo: Any) -> None:
    """A manual job waits until it is played, and takes variables then."""
    pipeline, jobs = repo.run("ask: {when: manual, script: ['echo \"got $WORD\"']}\nother: {script: ['true']}")
    assert jobs["ask"].status == "manual"
    path = f"/projects/{repo.project.id}/jobs/{jobs['ask'].id}/play"
    repo.project.manager.gitlab.http_post(
        path, post_data={"job_variables_attributes": [{"key": "WORD", "value": "yes"}]}
    )
    until(lambda: repo.jobs(pipeline)["ask"].status == "success")
    assert "got yes" in repo.trace(jobs["ask"])


def test_cancel_ends_the_whole_process_group_and_runs_after_script(repo: Any, tmp_path: Path) -> None:
    """Cancelling ends a job with its children, runs `after_script` with the right status, and takes seconds only."""
    mark = tmp_path / "pid"
    ci = f"""
job:
  script: ["(trap '' TERM; sleep 60) & echo $! > {mark}", echo started, sleep 60]
  after_script: ['echo "after: $CI_JOB_STATUS"']
next: {{stage: deploy, script: ["true"]}}
"""
    repo.push({".gitlab-ci.yml": ci})
    job = repo.jobs()["job"]
    until(lambda: "\nstarted" in repo.trace(job))
    assert repo.project.jobs.get(job.id).status == "running"
    started = time.monotonic()
    repo.pipeline().cancel()
    pipeline = repo.wait()
    assert time.monotonic() - started < 30  # the script sleeps for twice as long
    assert pipeline.status == "canceled"
    assert {item.status for item in repo.jobs(pipeline).values()} == {"canceled"}
    assert "after: canceled" in repo.trace(job)
    assert not Path(f"/proc/{mark.read_text().strip()}/cwd").exists()


def test_nothing_of_a_job_outlives_it(repo: Any, tmp_path: Path) -> None:
    """A process that hid in a session of its own ends with its job, and so does the short TMPDIR."""
    mark = tmp_path / "mark"
    hide = f"setsid sh -c 'echo $$ $TMPDIR >{mark}; exec sleep 60' >/dev/null 2>&1 &"
    repo.run(json.dumps({"job": {"script": [hide, f"until test -s {mark}; do sleep 0.02; done"]}}))
    pid, folder = mark.read_text().split()
    assert (start_time(int(pid)), Path(folder).exists(), len(folder) < 60) == (None, False, True)


def test_timeout_ends_a_job(repo: Any) -> None:
    """A job that takes longer than its `timeout` fails with that reason."""
    pipeline, jobs = repo.run("job: {timeout: 1 second, script: [sleep 30]}")
    assert pipeline.status == "failed"
    assert jobs["job"].failure_reason == "job_execution_timeout"


def test_new_commit_cancels_what_it_makes_pointless(repo: Any, tmp_path: Path) -> None:
    """A newer commit cancels an older pipeline of its branch only while no uninterruptible job has started."""
    gate = tmp_path / "gate"
    ci = "job: {interruptible: %s, script: ['until test -e " + str(gate) + "; do sleep 0.05; done']}\n"
    repo.push({".gitlab-ci.yml": ci % "true"})
    first = repo.pipeline()
    until(lambda: repo.jobs(first)["job"].status == "running")
    repo.push({".gitlab-ci.yml": ci % "false"})
    assert repo.wait(first).status == "canceled"
    second = repo.pipeline()
    until(lambda: repo.jobs(second)["job"].status == "running")
    repo.push({"x": "y"})
    third = repo.pipeline()
    gate.touch()
    assert repo.wait(second).status == "success"
    assert repo.wait(third).status == "success"


def test_resource_group_is_used_by_one_job_at_a_time(repo: Any, tmp_path: Path) -> None:
    """Jobs of one resource group never overlap."""
    lock = tmp_path / "lock"
    ci = f"""
.one: {{resource_group: production, script: ["mkdir {lock}", sleep 0.3, "rmdir {lock}"]}}
a: {{extends: .one}}
b: {{extends: .one}}
"""
    pipeline, _ = repo.run(ci)
    assert pipeline.status == "success"


def test_parallel_and_matrix(repo: Any) -> None:
    """`parallel` makes numbered copies, a matrix one per combination, and `needs` can pick among them."""
    ci = """
numbered: {stage: build, parallel: 2, script: ['echo "$CI_NODE_INDEX of $CI_NODE_TOTAL"']}
build:
  stage: build
  parallel: {matrix: [{ARCH: [arm64, x86_64], KIND: function}]}
  script: ['echo "$ARCH $KIND" | tee out-$ARCH', 'echo "$CI_JOB_NAME"']
  artifacts: {paths: ["out-*"]}
after:
  needs: [{job: build, parallel: {matrix: [{ARCH: arm64, KIND: function}]}}]
  script: [test -e out-arm64, test ! -e out-x86_64]
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success"
    assert set(jobs) == {
        "numbered 1/2",
        "numbered 2/2",
        "build: [arm64, function]",
        "build: [x86_64, function]",
        "after",
    }
    assert "2 of 2" in repo.trace(jobs["numbered 2/2"])


@pytest.mark.parametrize(
    ("report", "status"),
    [
        ("A=1\\nB=two words\\n", "success"),
        ("not a pair\\n", "failed"),
        ("A=1\\n\\nB=2\\n", "failed"),
        ("A-B=1\\n", "failed"),
        ("A=" + "x" * 6000, "failed"),
    ],
)
def test_dotenv_limits(repo: Any, report: str, status: str) -> None:
    """A dotenv report that GitLab refuses fails the job."""
    pipeline, jobs = repo.run(f"job: {{script: [\"printf '{report}' > e\"], artifacts: {{reports: {{dotenv: e}}}}}}")
    assert pipeline.status == status, repo.trace(jobs["job"])


def test_artifacts_when(repo: Any) -> None:
    """`artifacts:when` decides whether a failed job keeps its files; no match is only a warning."""
    ci = """
.f: {script: [echo x > f, exit 1], allow_failure: true}
never: {extends: .f, artifacts: {paths: [f]}}
failed: {extends: .f, artifacts: {when: on_failure, name: "log-$CI_JOB_NAME", paths: [f]}}
always: {extends: .f, artifacts: {when: always, paths: [f]}}
nothing: {script: ["true"], artifacts: {paths: [nowhere/*]}}
"""
    _, jobs = repo.run(ci)
    kept = {name: getattr(job, "artifacts_file", {"filename": None})["filename"] for name, job in jobs.items()}
    assert kept == {"never": None, "failed": "log-failed.zip", "always": "artifacts.zip", "nothing": None}
    assert "no matching files" in repo.trace(jobs["nothing"])


def test_trigger_jobs_fail_with_a_clear_message(repo: Any) -> None:
    """A downstream pipeline is not started, and the job says so."""
    _, jobs = repo.run("child: {trigger: {include: child.yml}}")
    assert jobs["child"].status == "failed"
    assert "does not start downstream pipelines" in repo.trace(jobs["child"])


def test_git_strategy_none_and_depth(repo: Any) -> None:
    """`GIT_STRATEGY: none` leaves the directory empty, `GIT_DEPTH` limits the history, 0 brings all."""
    for number in range(3):
        repo.commit({"n": str(number)})
    ci = """
none: {variables: {GIT_STRATEGY: none}, script: ['test -z "$(ls -A)"']}
shallow: {variables: {GIT_DEPTH: 1}, script: ['test "$(git rev-list --count HEAD)" = 1']}
full: {variables: {GIT_DEPTH: 0}, script: ['test "$(git rev-list --count HEAD)" = 4']}
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success", {name: repo.trace(job) for name, job in jobs.items()}


def test_broken_configuration_makes_a_failed_pipeline(repo: Any) -> None:
    """A configuration with an unknown key gives a failed pipeline without jobs that says what is wrong."""
    repo.push({".gitlab-ci.yml": "job: {script: ['true'], frobnicate: 1}"})
    pipeline = repo.pipeline()
    assert pipeline.status == "failed"
    assert pipeline.yaml_errors == "jobs:job config contains unknown keys: frobnicate"
    assert pipeline.jobs.list() == []


def test_lint_tells_valid_from_invalid(repo: Any) -> None:
    """CI lint returns errors, the merged YAML and the jobs."""
    repo.push({".gitlab-ci.yml": ".b: {script: ['true']}\njob: {extends: .b}"})
    lint = repo.project.ci_lint.get(include_jobs=True)
    assert lint.valid
    assert lint.jobs[0]["name"] == "job"
    assert "true" in lint.merged_yaml
    bad = repo.project.ci_lint.create({"content": "job: {script: 1, stage: nowhere}"})
    assert not bad.valid
    assert any("script" in error for error in bad.errors)


def test_unsigned_id_tokens_have_the_claims(repo: Any) -> None:
    """`id_tokens` are JWTs whose subject names project and ref."""
    tokens = '{AWS_TOKEN: {aud: "https://gitlab.com"}}'
    ci = f"job: {{id_tokens: {tokens}, script: [echo $AWS_TOKEN > t], artifacts: {{paths: [t]}}}}"
    _, jobs = repo.run(ci)
    body = jobs["job"].artifact("t").decode().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert claims["sub"] == f"project_path:{repo.project.path_with_namespace}:ref_type:branch:ref:main"
    assert claims["aud"] == "https://gitlab.com"
