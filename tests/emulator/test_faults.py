"""Faults on purpose: each kind is seen by real clients exactly as written, and can be repeated."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import gitlab
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from gitlab.exceptions import GitlabHttpError, GitlabParsingError

from orchestrator.emulator import control, faults
from orchestrator.emulator.control import Running
from orchestrator.errors import MachineryError

PAGE = Path(__file__).parents[2] / "docs" / "emulator-faults.md"
ROLE = "arn:aws:iam::123456789012:role/build"


def _script(service: str, operation: str, *answers: Any, **more: Any) -> dict[str, Any]:
    return {"rules": [{"service": service, "operation": operation, "answers": list(answers), **more}]}


@pytest.fixture(scope="module")
def aws(whole_emulator: Running) -> Callable[[str], Any]:
    """Return the function that makes boto3 clients which never try again."""
    variables = control.environment(whole_emulator)
    known: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in known:
            known[service] = boto3.client(
                service,
                endpoint_url=whole_emulator.aws_url,
                region_name=variables["AWS_REGION"],
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
                config=Config(proxies={}, retries={"total_max_attempts": 1}),
            )
        return known[service]

    return client


@pytest.fixture
def project(aws: Callable[[str], Any]) -> str:
    """Return a CodeBuild project whose builds succeed at once."""
    name = f"p-{uuid.uuid4().hex[:12]}"
    aws("codebuild").create_project(**_project(name))
    return name


def _project(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "source": {"type": "NO_SOURCE", "buildspec": '{"version": "0.2", "phases": {"build": {"commands": ["true"]}}}'},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "ARM_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": ROLE,
    }


@pytest.fixture(scope="module")
def gl(whole_emulator: Running) -> gitlab.Gitlab:
    """python-gitlab as the administrator, which never tries again."""
    return gitlab.Gitlab(
        whole_emulator.gitlab_url,
        private_token=whole_emulator.gitlab_token,
        retry_transient_errors=False,
    )


def _refusal(call: Callable[[], Any]) -> tuple[int, str, str, dict[str, str]]:
    with pytest.raises(ClientError) as caught:
        call()
    told = caught.value.response
    facts = told["ResponseMetadata"]
    return facts["HTTPStatusCode"], told["Error"]["Code"], told["Error"]["Message"], facts["HTTPHeaders"]


_DENIED = f"CodeBuild is not authorized to perform: sts:AssumeRole on {ROLE}"
_NO_STREAM = "The specified log stream does not exist."
_THROTTLED = (400, "ThrottlingException", "Rate exceeded")


@pytest.mark.parametrize(
    ("service", "operation", "request_members", "answer", "expected"),
    [
        ("codebuild", "ListBuilds", {}, "throttle", _THROTTLED),
        ("logs", "DescribeLogGroups", {}, "throttle", _THROTTLED),
        ("sqs", "ListQueues", {}, "throttle", _THROTTLED),
        ("cloudwatch", "DescribeAlarms", {}, "throttle", _THROTTLED),
        ("sts", "GetCallerIdentity", {}, "throttle", (400, "Throttling", "Rate exceeded")),
        ("s3", "ListBuckets", {}, "throttle", (503, "SlowDown", "Please reduce your request rate.")),
        ("lambda", "ListFunctions", {}, "throttle", (429, "TooManyRequestsException", "Rate Exceeded.")),
        ("ec2", "DescribeRegions", {}, "throttle", (400, "RequestLimitExceeded", "Rate exceeded")),
        ("codebuild", "ListBuilds", {}, {"kind": "account_limit", "limit": 0},
         (400, "AccountLimitExceededException", "Cannot have more than 0 builds in queue for the account")),
        ("codebuild", "CreateProject", _project("new"), "not_propagated", (400, "InvalidInputException", _DENIED)),
        ("logs", "GetLogEvents", {"logGroupName": "g", "logStreamName": "s"}, "missing_log_stream",
         (400, "ResourceNotFoundException", _NO_STREAM)),
        ("ssm", "GetParameter", {"Name": "/a"}, {"kind": "error", "code": "ExpiredTokenException", "message": "old"},
         (400, "ExpiredTokenException", "old")),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k"},
         {"kind": "error", "code": "PreconditionFailed", "message": "a<b", "status": 412},
         (412, "PreconditionFailed", "a<b")),
    ],
)  # fmt: skip
def test_aws_refuses_in_the_words_of_the_service(
    whole_emulator: Running,
    aws: Callable[[str], Any],
    service: str,
    operation: str,
    request_members: dict[str, Any],
    answer: Any,
    expected: tuple[int, str, str],
) -> None:
    """A client reads code, message and status of every error as the script has them, in every protocol."""
    call = getattr(aws(service), re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
    with faults.injected(whole_emulator, _script(service, operation, answer)) as journal:
        assert _refusal(lambda: call(**request_members))[:3] == expected
        [line] = journal()
    assert (line["service"], line["operation"], line["call"]) == (service, operation, 1)


def test_a_build_cannot_start_before_its_role_has_spread(
    whole_emulator: Running, aws: Callable[[str], Any], project: str
) -> None:
    """StartBuild names the role of the project; the next attempt succeeds."""
    start = aws("codebuild").start_build
    with faults.injected(whole_emulator, _script("codebuild", "StartBuild", "not_propagated")):
        assert _refusal(lambda: start(projectName=project))[1:3] == ("InvalidInputException", _DENIED)
        assert start(projectName=project)["build"]["buildStatus"] == "IN_PROGRESS"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("retry_after", [None, 7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_statuses_come_with_and_without_retry_after(
    whole_emulator: Running, aws: Callable[[str], Any], gl: gitlab.Gitlab, status: int, retry_after: Any
) -> None:
    """AWS and GitLab alike answer with the status, and with the header only when the script has it."""
    answer = {"kind": "status", "status": status, "retry_after": retry_after}
    expected = None if retry_after is None else str(retry_after)
    script = {"rules": [
        {"service": "codebuild", "answers": [answer]},
        {"service": "gitlab", "operation": "GET /user", "answers": [answer]},
    ]}  # fmt: skip
    with faults.injected(whole_emulator, script):
        seen, _, _, headers = _refusal(aws("codebuild").list_projects)
        assert (seen, headers.get("retry-after")) == (status, expected)
        response = requests.get(f"{gl.api_url}/user", headers=gl.headers, timeout=10)
        assert (response.status_code, response.headers.get("Retry-After")) == (status, expected)
        gl.auth()


def test_gitlab_errors_reach_python_gitlab(whole_emulator: Running, gl: gitlab.Gitlab) -> None:
    """A 500 and a page of HTML with status 200 are what python-gitlab makes of them; then all is well."""
    script = _script("gitlab", "GET /projects", {"kind": "status", "status": 500}, "html")
    with faults.injected(whole_emulator, script):
        with pytest.raises(GitlabHttpError) as caught:
            gl.http_get("/projects")
        assert caught.value.response_code == 500
        with pytest.raises(GitlabParsingError):
            gl.http_list("/projects", get_all=True)
        assert isinstance(gl.http_list("/projects", get_all=True), list)


def test_html_reaches_botocore(whole_emulator: Running, aws: Callable[[str], Any]) -> None:
    """HTML with status 200 is a 500 to botocore's client of S3, and an empty answer where JSON is spoken."""
    script = {"rules": [{"service": service, "answers": ["html"]} for service in ("s3", "codebuild")]}
    with faults.injected(whole_emulator, script):
        assert _refusal(aws("s3").list_buckets)[2] == "Internal Server Error"
        assert "projects" not in aws("codebuild").list_projects()


@pytest.mark.parametrize("kind", ["lost_request", "lost_response"])
def test_a_lost_answer_is_not_a_lost_request(whole_emulator: Running, aws: Callable[[str], Any], kind: str) -> None:
    """Both break the connection without a byte; only after a lost response the operation has happened."""
    s3, bucket = aws("s3"), f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    script = _script("s3", "PutObject", kind)
    with faults.injected(whole_emulator, script), pytest.raises(HTTPClientError):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 200_000)
    stored = s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    assert stored == (1 if kind == "lost_response" else 0)


def test_a_trigger_whose_answer_is_lost_has_started_a_pipeline(whole_emulator: Running, gl: gitlab.Gitlab) -> None:
    """The pipeline exists although its creator never learnt of it."""
    made = gl.projects.create({"name": f"t-{uuid.uuid4().hex[:8]}"})
    content = json.dumps({"job": {"script": ["true"], "when": "manual"}})
    made.files.create({"file_path": ".gitlab-ci.yml", "branch": "main", "content": content, "commit_message": "ci"})
    token = made.triggers.create({"description": "x"}).token
    before = len(made.pipelines.list(get_all=True))
    operation = "POST /projects/:project/trigger/pipeline"
    with (
        faults.injected(whole_emulator, _script("gitlab", operation, "lost_response")),
        pytest.raises(requests.ConnectionError),
    ):
        requests.post(
            f"{gl.api_url}/projects/{made.id}/trigger/pipeline", data={"token": token, "ref": "main"}, timeout=10
        )
    assert len(made.pipelines.list(get_all=True)) == before + 1


def _raw(running: Running, path: str) -> tuple[bytes, bool]:
    """Return what comes over the wire, and whether the connection was reset in the end."""
    host, _, port = running.gitlab_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        token = f"PRIVATE-TOKEN: {running.gitlab_token}\r\n"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{token}\r\n".encode())
        received = b""
        while True:
            try:
                chunk = connection.recv(65_536)
            except ConnectionResetError:
                return received, True
            if not chunk:
                return received, False
            received += chunk


@pytest.mark.parametrize("count", [0, 1, 25])
def test_a_connection_is_reset_after_exactly_so_many_bytes(whole_emulator: Running, count: int) -> None:
    """The head announces the whole length, `after_bytes` bytes follow, then RST."""
    whole = _raw(whole_emulator, "/api/v4/version")[0]
    script = _script("gitlab", "GET /version", {"kind": "reset", "after_bytes": count})
    with faults.injected(whole_emulator, script):
        received, broken = _raw(whole_emulator, "/api/v4/version")
    head, _, body = received.partition(b"\r\n\r\n")
    whole_body = whole.partition(b"\r\n\r\n")[2]
    assert broken and body == whole_body[:count]
    assert f"Content-Length: {len(whole_body)}".encode() in head


def test_a_download_breaks_off_in_the_middle(whole_emulator: Running, aws: Callable[[str], Any]) -> None:
    """boto3 gets the head of an object and then an error, never a short file that looks whole."""
    s3, bucket = aws("s3"), f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789" * 100_000)
    script = _script("s3", "GetObject", {"kind": "reset", "after_bytes": 500_000})
    with faults.injected(whole_emulator, script):
        body = s3.get_object(Bucket=bucket, Key="k")["Body"]
        with pytest.raises(HTTPClientError):
            body.read()
    assert len(s3.get_object(Bucket=bucket, Key="k")["Body"].read()) == 1_000_000


def test_a_delayed_answer_is_right_but_late(whole_emulator: Running, aws: Callable[[str], Any]) -> None:
    """The answer takes as long as the script says, and is what it would have been."""
    script = _script("codebuild", "ListProjects", {"kind": "delay", "seconds": 0.3})
    with faults.injected(whole_emulator, script):
        began = time.monotonic()
        assert "projects" in aws("codebuild").list_projects()
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("until", "happened"), [("sent", False), ("done", True)])
def test_a_held_call_has_happened_or_not_when_its_client_dies(
    whole_emulator: Running, gl: gitlab.Gitlab, until: str, happened: bool
) -> None:
    """While a call is held it is listed; a client that goes away then has sent it, or has had it done, for certain."""
    host, _, port = whole_emulator.gitlab_url.removeprefix("http://").partition(":")
    name = f"t-{uuid.uuid4().hex[:8]}"
    body = json.dumps({"name": name})
    head = f"POST /api/v4/projects HTTP/1.1\r\nHost: x\r\nPRIVATE-TOKEN: {whole_emulator.gitlab_token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    script = _script("gitlab", "POST /projects", {"kind": "hold", "until": until})
    with faults.injected(whole_emulator, script):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall((head + body).encode())
            assert _soon(lambda: faults.show(whole_emulator)["held"] == ["gitlab POST /projects"])
        assert _soon(lambda: faults.show(whole_emulator)["held"] == [])
    assert bool(gl.projects.list(search=name)) is happened


def test_a_held_call_goes_on_when_its_time_is_up(whole_emulator: Running, gl: gitlab.Gitlab) -> None:
    """A client that waits gets the right answer in the end, late."""
    for until in ("sent", "done"):
        script = _script("gitlab", "GET /version", {"kind": "hold", "until": until, "seconds": 0.2})
        with faults.injected(whole_emulator, script):
            began = time.monotonic()
            assert gl.http_get("/version")
            assert time.monotonic() - began >= 0.2


def _soon(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_git_meets_faults_as_well(whole_emulator: Running, gl: gitlab.Gitlab, tmp_path: Path) -> None:
    """A fetch that GitLab limits fails, and the next one works."""
    made = gl.projects.create({"name": f"g-{uuid.uuid4().hex[:8]}", "initialize_with_readme": True})
    address = whole_emulator.gitlab_url.replace("://", f"://root:{whole_emulator.gitlab_token}@")
    command = ["git", "ls-remote", f"{address}/{made.path_with_namespace}.git"]
    script = _script("gitlab", "git-upload-pack", {"kind": "status", "status": 429})
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(tmp_path), "NO_PROXY": "*"}
    with faults.injected(whole_emulator, script):
        first, second = (
            subprocess.run(command, env=environment, capture_output=True, text=True, check=False) for _ in range(2)
        )
    assert first.returncode != 0 and "429" in first.stderr
    assert second.returncode == 0


@pytest.mark.parametrize(
    ("answer", "status", "phase", "code"),
    [
        ("fault", "FAULT", "PROVISIONING", "INTERNAL_SERVICE_ERROR"),
        ({"kind": "fault", "phase": "FINALIZING"}, "FAULT", "BUILD", ""),
        ("access_denied", "FAILED", "PROVISIONING", "ACCESS_DENIED"),
        ({"kind": "delay", "seconds": 0.2}, "SUCCEEDED", "BUILD", ""),
    ],
)
def test_a_build_suffers_what_the_script_says(
    whole_emulator: Running, aws: Callable[[str], Any], project: str, answer: Any, status: str, phase: str, code: str
) -> None:
    """A build of that project ends so, and says why in the context of the phase."""
    client = aws("codebuild")
    with faults.injected(whole_emulator, _script("build", project, answer)) as journal:
        identifier = client.start_build(projectName=project)["build"]["id"]
        build = client.batch_get_builds(ids=[identifier])["builds"][0]
        deadline = time.monotonic() + 20
        while not build["buildComplete"] and time.monotonic() < deadline:
            time.sleep(0.03)
            build = client.batch_get_builds(ids=[identifier])["builds"][0]
        assert len(journal()) == 1
    assert build["buildStatus"] == status
    [context] = next(entry["contexts"] for entry in build["phases"] if entry["phaseType"] == phase)
    assert context.get("statusCode", "") == code
    if code == "ACCESS_DENIED":
        assert f"{ROLE} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams" in context["message"]


def _calls(client: Any, count: int) -> list[bool]:
    """Call and return which calls were throttled."""
    throttled = []
    for _ in range(count):
        try:
            client.list_projects()
        except ClientError:
            throttled.append(True)
        else:
            throttled.append(False)
    return throttled


def test_the_same_seed_gives_the_same_journal(whole_emulator: Running, aws: Callable[[str], Any]) -> None:
    """Chance is repeatable: same seed and calls, same journal; another seed, another one."""

    def play(seed: int) -> tuple[list[bool], Any]:
        script = _script("codebuild", "*", "throttle", times=None, probability=0.3) | {"seed": seed}
        with faults.injected(whole_emulator, script) as journal:
            return _calls(aws("codebuild"), 40), journal()

    first, second, third = play(1), play(1), play(2)
    assert first == second != third
    assert sum(first[0]) == len(first[1]) and 0 < sum(first[0]) < 40


def test_a_rule_acts_so_often_and_in_its_order(whole_emulator: Running, aws: Callable[[str], Any]) -> None:
    """`pass` lets a call through, answers repeat up to `times`, the first rule that has a turn decides."""
    script = {"rules": [
        {"service": "aws", "answers": ["pass", "throttle"], "times": 4, "name": "two"},
        {"service": "codebuild", "operation": "List*", "answers": ["throttle"], "name": "one"},
    ]}  # fmt: skip
    with faults.injected(whole_emulator, script) as journal:
        assert _calls(aws("codebuild"), 6) == [False, True, False, True, True, False]
        assert [(line["rule"], line["call"]) for line in journal()] == [("two", 2), ("two", 4), ("one", 1)]
        told = faults.show(whole_emulator)["rules"]
    assert [(rule["name"], rule["used"]) for rule in told] == [("two", 4), ("one", 1)]
    assert faults.show(whole_emulator) == {"rules": [], "held": [], "journal": []}


def test_the_emulators_own_requests_meet_no_faults(
    whole_emulator: Running, aws: Callable[[str], Any], project: str
) -> None:
    """The log of a build arrives although every client of CloudWatch Logs is refused."""
    client = aws("codebuild")
    with faults.injected(whole_emulator, _script("logs", "*", "throttle", times=None)) as journal:
        identifier = client.start_build(projectName=project)["build"]["id"]
        while not (build := client.batch_get_builds(ids=[identifier])["builds"][0])["buildComplete"]:
            time.sleep(0.03)
        assert journal() == []
    logs = build["logs"]
    events = aws("logs").get_log_events(logGroupName=logs["groupName"], logStreamName=logs["streamName"])["events"]
    assert events and build["buildStatus"] == "SUCCEEDED"


def test_the_door_opens_to_the_root_token_only(whole_emulator: Running) -> None:
    """Nobody else may look at faults or change them."""
    stranger = Running(**{**vars(whole_emulator), "gitlab_token": "glpat-x"})
    with pytest.raises(MachineryError):
        faults.show(stranger)
    assert requests.delete(f"{whole_emulator.gitlab_url}/-/emulator/faults", timeout=10).status_code == 401
