"""The way home: `POST /projects/:id/trigger/pipeline` with everything that can go wrong."""

from __future__ import annotations

import json
from typing import Any

import gitlab
import pytest
import requests

CI = """
spec:
  inputs:
    count: {type: number, default: 1}
    names: {type: array, default: []}
    loud: {type: boolean, default: false}
    level: {default: low, options: [low, high]}
---
job:
  rules: [{if: $CI_PIPELINE_SOURCE == "trigger"}, {if: $CI_PIPELINE_SOURCE == "pipeline"}]
  script:
    - SAYS="$CI_PIPELINE_SOURCE $CI_PIPELINE_TRIGGERED $CI_TRIGGER_SHORT_TOKEN"
    - echo "[$SAYS $ORCHESTRATOR_BUILD_ID $CI_COMMIT_REF_NAME]"
    - echo "inputs $[[ inputs.count ]] $[[ inputs.loud ]] $[[ inputs.level ]]" '$[[ inputs.names ]]'
    - if test -n "$TRIGGER_PAYLOAD"; then cat "$TRIGGER_PAYLOAD"; fi
"""


@pytest.fixture
def triggered(repo: Any) -> Any:
    """Make a project whose only job runs on triggers, and a trigger token."""
    repo.push({".gitlab-ci.yml": CI})
    return repo, repo.project.triggers.create({"description": "home"})


def url(repo: Any) -> str:
    """Return the address that triggers."""
    return f"{repo.url}/api/v4/projects/{repo.project.id}/trigger/pipeline"


def test_trigger_with_variables_in_a_form(triggered: Any) -> None:
    """A token in a form body starts a pipeline of the ref's head, with variables on top and the payload as a file."""
    repo, trigger = triggered
    assert repo.project.pipelines.list() == []
    body = {
        "token": trigger.token,
        "ref": "main",
        "variables[ORCHESTRATOR_BUILD_ID]": "p:1",
        "variables[CI_COMMIT_REF_NAME]": "x",
    }
    answer = requests.post(url(repo), data=body, timeout=10)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["source"], made["ref"], made["iid"]) == ("trigger", "main", 1)
    pipeline = repo.wait(repo.project.pipelines.get(made["id"]))
    trace = repo.trace(repo.jobs(pipeline)["job"])
    assert f"[trigger true {trigger.token.removeprefix('glptt-')[:4]} p:1 x]" in trace
    payload = json.loads(next(line for line in trace.splitlines() if line.startswith('{"id"')))
    assert payload["variables"]["ORCHESTRATOR_BUILD_ID"] == "p:1"
    assert trigger.token not in trace
    keys = {item.key for item in pipeline.variables.list(get_all=True)}
    assert keys == {"ORCHESTRATOR_BUILD_ID", "CI_COMMIT_REF_NAME", "TRIGGER_PAYLOAD"}


def test_trigger_with_python_gitlab_and_tag(triggered: Any) -> None:
    """python-gitlab's `trigger_pipeline` works, also on a tag."""
    repo, trigger = triggered
    repo.git("tag", "v1")
    repo.git("push", "-q", repo.remote, "v1")
    pipeline = repo.wait(repo.project.trigger_pipeline("v1", trigger.token, {"ORCHESTRATOR_BUILD_ID": "p:2"}))
    assert (pipeline.tag, pipeline.status) == (True, "success")
    assert repo.project.pipelines.list(source="trigger", ref="v1", get_all=True)[0].id == pipeline.id
    assert repo.project.triggers.get(trigger.id).last_used


@pytest.mark.parametrize("as_json", [True, False])
def test_trigger_inputs(triggered: Any, as_json: bool) -> None:
    """Inputs are typed; a form's texts are read by the declared type."""
    repo, trigger = triggered
    base = {"token": trigger.token, "ref": "main"}
    if as_json:
        body = {**base, "inputs": {"count": 5, "names": ["a", "b"], "loud": True, "level": "high"}}
        answer = requests.post(url(repo), json=body, timeout=10)
    else:
        form = {"inputs[count]": "5", "inputs[names]": '["a", "b"]', "inputs[loud]": "true", "inputs[level]": "high"}
        answer = requests.post(url(repo), data={**base, **form}, timeout=10)
    assert answer.status_code == 201, answer.text
    pipeline = repo.wait(repo.project.pipelines.get(answer.json()["id"]))
    assert pipeline.yaml_errors is None
    assert 'inputs 5 true high ["a", "b"]' in repo.trace(repo.jobs(pipeline)["job"])


@pytest.mark.parametrize("inputs", [{"count": "many"}, {"level": "middle"}, {"unknown": "x"}])
def test_wrong_inputs_give_a_failed_pipeline(triggered: Any, inputs: dict[str, str]) -> None:
    """Inputs that do not fit the header are said by name."""
    repo, trigger = triggered
    answer = requests.post(url(repo), json={"token": trigger.token, "ref": "main", "inputs": inputs}, timeout=10)
    assert answer.status_code == 201
    assert answer.json()["status"] == "failed"
    assert next(iter(inputs)) in answer.json()["yaml_errors"]


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"token": "glptt-wrong"}, 404, "404 Not Found"),
        ({"token": None}, 400, "token is missing"),
        ({"ref": None}, 400, "ref is missing"),
        ({"ref": ""}, 400, "ref is empty"),
        ({"ref": "nowhere"}, 400, "Reference not found"),
        ({"ref": "0123456789012345678901234567890123456789"}, 400, "Reference not found"),
        ({"variables": {"A": 1}}, 400, "variables needs to be a map of key-valued strings"),
        ({"variables": {"A": {"B": "c"}}}, 400, "variables needs to be a map of key-valued strings"),
        ({"variables": "A=1"}, 400, "variables is invalid"),
        ({"variables": [1]}, 400, "variables is invalid"),
        ({"inputs": [1]}, 400, "inputs is invalid"),
        ({"ref": ["main"]}, 400, ""),
        ({"token": {"a": "b"}}, 400, "token is invalid"),
    ],
)
def test_malformed_triggers(triggered: Any, change: dict[str, Any], status: int, text: str) -> None:
    """Each wrong call has the status and message GitLab documents, and starts nothing."""
    repo, trigger = triggered
    body = {"token": trigger.token, "ref": "main", **change}
    answer = requests.post(url(repo), json={key: value for key, value in body.items() if value is not None}, timeout=10)
    assert answer.status_code == status, answer.text
    assert text in answer.text
    assert repo.project.pipelines.list() == []


def test_commit_sha_is_no_ref(triggered: Any) -> None:
    """A trigger names a branch or tag, never a commit."""
    repo, trigger = triggered
    with pytest.raises(gitlab.GitlabCreateError, match="Reference not found"):
        repo.project.trigger_pipeline(repo.git("rev-parse", "HEAD").stdout.strip(), trigger.token)


def test_project_is_not_found_and_get_is_not_allowed(triggered: Any) -> None:
    """A token of another project finds nothing; the endpoint takes POST only."""
    repo, trigger = triggered
    other = repo.project.manager.gitlab.projects.create({"name": f"other {trigger.id}"})
    for project in (other.id, 999_999, "no%2Fsuch"):
        address = f"{repo.url}/api/v4/projects/{project}/trigger/pipeline"
        assert requests.post(address, data={"token": trigger.token, "ref": "main"}, timeout=10).status_code == 404
    assert requests.get(url(repo), timeout=10).status_code in {404, 405}


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'"text"', b""])
def test_broken_bodies(triggered: Any, body: bytes) -> None:
    """A body that cannot be read is a 400, never a 500."""
    repo, _ = triggered
    answer = requests.post(url(repo), data=body, headers={"Content-Type": "application/json"}, timeout=10)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_rules_without_jobs_refuse_the_trigger(repo: Any) -> None:
    """When no job wants a trigger the answer is 400, by job rules or by workflow rules."""
    trigger = repo.project.triggers.create({"description": "x"})
    for ci, text in (
        ("job: {script: ['true'], rules: [{if: $CI_PIPELINE_SOURCE == 'push'}]}", "prevented any jobs"),
        ("workflow: {rules: [{if: $NEVER}]}\njob: {script: ['true']}", "filtered out by workflow rules"),
    ):
        repo.push({".gitlab-ci.yml": ci})
        with pytest.raises(gitlab.GitlabCreateError, match=text) as refused:
            repo.project.trigger_pipeline("main", trigger.token)
        assert refused.value.response_code == 400
    repo.git("rm", "-q", ".gitlab-ci.yml")
    repo.push({})
    with pytest.raises(gitlab.GitlabCreateError, match="Missing CI config file"):
        repo.project.trigger_pipeline("main", trigger.token)


@pytest.mark.parametrize(("role", "allowed"), [("no_one_allowed", False), ("owner", True), ("developer", True)])
def test_setting_that_forbids_pipeline_variables(triggered: Any, role: str, allowed: bool) -> None:
    """`ci_pipeline_variables_minimum_override_role` refuses variables, but not a bare trigger or inputs."""
    repo, trigger = triggered
    repo.project.ci_pipeline_variables_minimum_override_role = role
    repo.project.save()
    assert repo.project.manager.gitlab.projects.get(repo.project.id).ci_pipeline_variables_minimum_override_role == role
    if allowed:
        repo.project.trigger_pipeline("main", trigger.token, {"A": "1"})
    else:
        with pytest.raises(gitlab.GitlabCreateError, match="Insufficient permissions to set pipeline variables"):
            repo.project.trigger_pipeline("main", trigger.token, {"A": "1"})
    answer = requests.post(url(repo), json={"token": trigger.token, "ref": "main", "inputs": {"count": 2}}, timeout=10)
    assert answer.status_code == 201


def test_token_is_shown_in_full_to_its_creator_only(triggered: Any, gl: Any, server: Any) -> None:
    """Somebody else sees four letters of a trigger token; revoking it makes it useless."""
    repo, trigger = triggered
    assert trigger.token.startswith("glptt-")
    assert repo.project.triggers.get(trigger.id).token == trigger.token
    other = repo.project.access_tokens.create({"name": "bot", "scopes": ["api"], "access_level": 40})
    seen = server.client(other.token).projects.get(repo.project.id).triggers.list(get_all=True)[0]
    assert seen.token == trigger.token.removeprefix("glptt-")[:4]
    trigger.delete()
    with pytest.raises(gitlab.GitlabCreateError) as gone:
        repo.project.trigger_pipeline("main", trigger.token)
    assert gone.value.response_code == 404


def test_job_token_triggers_another_project(triggered: Any, new_repo: Any) -> None:
    """A running job's token starts a pipeline with source `pipeline`, and is worth nothing afterwards."""
    repo, _ = triggered
    caller = new_repo()
    script = (
        f'curl -sS -w "%{{http_code}}" -F token="$CI_JOB_TOKEN" -F ref=main "{url(repo)}"; echo; '
        'curl -sS -H "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/job"; echo; '
        'curl -sS -o /dev/null -w "projects %{http_code}" -H "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/user"; '
        'echo "$CI_JOB_TOKEN" > token'
    )
    ci = json.dumps({"call": {"script": [script], "artifacts": {"paths": ["token"]}}})
    _, jobs = caller.run(ci)
    trace = caller.trace(jobs["call"])
    assert "}201" in trace
    assert "projects 401" in trace
    assert '"name": "call"' in trace
    made = repo.project.pipelines.list(source="pipeline", get_all=True)
    assert len(made) == 1
    token = jobs["call"].artifact("token").decode().strip()
    answer = requests.post(url(repo), data={"token": token, "ref": "main"}, timeout=10)
    assert answer.status_code == 401
    assert requests.get(f"{repo.url}/api/v4/job", headers={"JOB-TOKEN": token}, timeout=10).status_code == 401
