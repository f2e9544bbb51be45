"""What a build does: commands, phases, variables, secrets, time-outs, in real shells."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

_HEAD = "version: 0.2\n"


def _spec(phases: dict[str, Any], **rest: Any) -> str:
    return json.dumps({"version": "0.2", "phases": phases, **rest})


def _commands(*commands: str, **rest: Any) -> str:
    return _spec({"build": {"commands": list(commands)}}, **rest)


@pytest.mark.parametrize(
    ("commands", "output"),
    [
        (["cd /usr", "pwd"], ["/usr"]),
        (["export A=1", 'echo "$A"'], ["1"]),
        (["A=1", "sh -c 'echo $A'"], ["1"]),
        (["f() { echo in f; }", "f"], ["in f"]),
        (["false\necho multi"], ["echo multi", "multi"]),
        (["exit 0", "echo on"], ["on"]),
        (["cd /usr; A=5; exit 0", 'echo "$PWD $A"'], ["/usr 5"]),
        (["printf partial", "echo done"], ["partial", "done"]),
        (["echo out; echo err >&2"], ["out", "err"]),
        (["echo a > /dev/stdout", "echo b | tee /dev/stderr"], ["a", "b", "b"]),
        (["cat"], []),
        (["exec 9>lock; echo nine >&9", "cat lock"], ["nine"]),
        (["set -- x y", "echo $#"], ["2"]),
        (["sleep 60 &", "echo not waiting"], ["not waiting"]),
        (["true", "echo 'quoted \"$HOME\"'"], ['quoted "$HOME"']),
        (["cat <<EOF\nhere\nEOF"], ["here", "EOF", "here"]),
        (["set -u -o pipefail", "echo ok"], ["ok"]),
        (["echo ümläut"], ["ümläut"]),
        (["exec echo replaced", "echo after"], ["replaced", "after"]),
        (["trap 'echo bye' EXIT", "echo one"], ["one", "bye"]),
        (["set -e", "false || true", "echo on"], ["on"]),
        (["A=(1 2); declare -A M=([k]=v); exit 0", "echo ${A[1]} ${M[k]}"], ["2 v"]),
        (["sleep 60 & exit 0", "echo on"], ["on"]),
        (["(sleep 0.1; echo later) &", "wait; echo done"], ["later", "done"]),
        (["read line; echo $?"], ["1"]),
        (["export PATH=/nowhere", "echo builtin"], ["builtin"]),
        (["# a comment only", "echo on"], ["on"]),
        (["return 0", "echo on"], ["on"]),
        (["printf 'a\\377b\\n'"], ["a\ufffdb"]),
    ],
)
def test_commands_share_one_shell(aws: Any, commands: list[str], output: list[str]) -> None:
    """Directory, variables, functions and options persist (a command of many lines is logged with all of them)."""
    build = aws.build(_commands(*commands))
    assert build["buildStatus"] == "SUCCEEDED"
    assert aws.output(build) == output


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("exit 3", "exit status 3"),
        ("false", "exit status 1"),
        ("no-such-command-here", "exit status 127"),
        ("set -e\nfalse\ntrue", "exit status 1"),
        ("kill -9 $$", "signal: killed"),
        ("exec false", "exit status 1"),
        ("exec sh -c 'sleep 0.1; exit 9'", "exit status 9"),
        ("kill -TERM $$", "signal: terminated"),
        ("set -euo pipefail; false | true", "exit status 1"),
        ("[ x = y ] && true", "exit status 1"),
        ("(exit 7)", "exit status 7"),
        ("if true; then", "exit status 2"),
        ("return 4", "exit status 4"),
    ],
)
def test_a_failing_command_is_told_with_its_reason(aws: Any, command: str, reason: str, phase_status: Any) -> None:
    """The context of the phase names command and exit status; the rest of the phase does not run."""
    build = aws.build(_commands(command, "echo never"))
    contexts = {phase["phaseType"]: phase.get("contexts") for phase in build["phases"]}
    assert build["buildStatus"] == "FAILED"
    assert contexts["BUILD"] == [
        {
            "statusCode": "COMMAND_EXECUTION_ERROR",
            "message": f"Error while executing command: {command}. Reason: {reason}",
        }
    ]
    assert "never" not in aws.output(build)
    assert phase_status(build)["POST_BUILD"] == "SUCCEEDED"


_ECHO = "echo $CODEBUILD_BUILD_SUCCEEDING"


@pytest.mark.parametrize(
    ("phases", "statuses", "output"),
    [
        (
            {
                "install": {"commands": ["false"], "finally": [_ECHO]},
                "build": {"commands": ["echo no"]},
            },
            {"INSTALL": "FAILED", "FINALIZING": "SUCCEEDED"},
            ["0"],
        ),
        (
            {"pre_build": {"commands": ["false"]}, "build": {"commands": ["echo no"]}},
            {"PRE_BUILD": "FAILED", "FINALIZING": "SUCCEEDED"},
            [],
        ),
        (
            {"build": {"commands": [_ECHO, "false"]}, "post_build": {"commands": [_ECHO]}},
            {"BUILD": "FAILED", "POST_BUILD": "SUCCEEDED", "UPLOAD_ARTIFACTS": "SUCCEEDED"},
            ["1", "0"],
        ),
        (
            {"build": {"commands": ["false"], "on-failure": "ABORT"}, "post_build": {"commands": ["echo no"]}},
            {"BUILD": "FAILED", "FINALIZING": "SUCCEEDED"},
            [],
        ),
        (
            {"install": {"commands": ["false"], "on-failure": "CONTINUE"}, "build": {"commands": ["echo yes"]}},
            {"INSTALL": "FAILED", "BUILD": "SUCCEEDED", "POST_BUILD": "SUCCEEDED"},
            ["yes"],
        ),
        (
            {
                "build": {"commands": ["echo a"], "finally": ["false", "echo no"]},
                "post_build": {"commands": ["echo p"]},
            },
            {"BUILD": "FAILED", "POST_BUILD": "SUCCEEDED"},
            ["a", "p"],
        ),
        (
            {
                "build": {"commands": ["echo a", "false"], "finally": [f"{_ECHO} f"], "on-failure": "CONTINUE"},
                "post_build": {"commands": [f"{_ECHO} p"], "finally": ["echo last"]},
            },
            {"BUILD": "FAILED", "POST_BUILD": "SUCCEEDED", "UPLOAD_ARTIFACTS": "SUCCEEDED"},
            ["a", "0 f", "0 p", "last"],
        ),
        (
            {"install": None, "pre_build": {}, "build": {"commands": None}, "post_build": {"commands": ["false"]}},
            {"INSTALL": "SUCCEEDED", "POST_BUILD": "FAILED", "UPLOAD_ARTIFACTS": "SUCCEEDED"},
            [],
        ),
    ],
)
def test_failures_take_the_way_of_the_documentation(
    aws: Any, phases: dict[str, Any], statuses: dict[str, str], output: list[str], phase_status: Any
) -> None:
    """Which phases still run after a failure, `finally`, `on-failure`, and CODEBUILD_BUILD_SUCCEEDING."""
    build = aws.build(_spec(phases))
    found = phase_status(build)
    assert build["buildStatus"] == "FAILED"
    assert statuses.items() <= found.items()
    assert aws.output(build) == output
    if "POST_BUILD" not in statuses:
        assert "POST_BUILD" not in found
        assert "UPLOAD_ARTIFACTS" not in found


def test_retry_starts_the_build_again(aws: Any) -> None:
    """`on-failure: RETRY-1` gives one more build, linked both ways."""
    build = aws.build(_spec({"build": {"commands": ["false"], "on-failure": "RETRY-1"}}))
    build = aws.wait_for(build["id"], lambda one: "autoRetryConfig" in one)
    following = aws.finished(build["autoRetryConfig"]["nextAutoRetry"])
    assert following["autoRetryConfig"]["previousAutoRetry"] == build["arn"]
    assert len(aws.client("codebuild").list_builds_for_project(projectName=build["projectName"])["ids"]) == 2


def test_a_retry_wants_its_pattern(aws: Any) -> None:
    """`on-failure: RETRY-<count>-<regex>` starts nothing when the message does not match, or the count is 0."""
    for rule in ("RETRY-2-no such message", "RETRY-0"):
        build = aws.build(_spec({"build": {"commands": ["false"], "on-failure": rule}}))
        time.sleep(0.1)
        assert aws.client("codebuild").list_builds_for_project(projectName=build["projectName"])["ids"] == [build["id"]]


@pytest.mark.parametrize(
    ("extra", "output"),
    [
        ({"env": {"shell": "/bin/sh"}}, ["on"]),
        ({"env": {"shell": "bash"}, "run-as": "nobody"}, ["on"]),
        ({"batch": {"fast-fail": True, "build-list": [{"identifier": "one"}]}}, ["on"]),
        ({"reports": {"r": {"files": ["*"]}}, "cache": {"paths": ["x"]}, "proxy": {"logs": "no"}}, ["on"]),
    ],
)
def test_what_does_not_change_a_build_is_accepted(aws: Any, extra: dict[str, Any], output: list[str]) -> None:
    """Shells, users, batch settings of a single build, reports, cache and proxy do not stop it."""
    build = aws.build(_commands("echo on", **extra))
    assert (build["buildStatus"], aws.output(build)) == ("SUCCEEDED", output)


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"A": "x" * 140_000}, "environment variable A is longer"),
        ({"A=B": "x"}, "no usable name"),
    ],
)
def test_a_variable_that_linux_cannot_pass_is_told(aws: Any, variables: dict[str, str], text: str) -> None:
    """Such a build fails in DOWNLOAD_SOURCE with the name of the variable."""
    build = aws.build(_commands("echo never", env={"variables": variables}))
    assert (build["buildStatus"], text in build["phases"][3]["contexts"][0]["message"]) == ("FAILED", True)


def test_values_reach_commands_as_they_are(aws: Any) -> None:
    """Line ends, quotes, `$`, backticks, leading blanks and 100 kB change nothing in a variable."""
    variables = {"A": "two\nlines", "B": "\"'`id`", "C": "$HOME $(id) \\", "D": "  x ", "E": "x" * 100_000}
    spec = _commands(
        "python3 -c 'import json, os; print(json.dumps([os.environ[n] for n in \"ABCD\"]))'",
        "echo ${#E}",
        'export F="$A$B"',
        env={"variables": variables, "exported-variables": ["A", "C", "F"]},
    )
    build = aws.build(spec)
    first, second = aws.output(build)
    assert (json.loads(first), second) == ([variables[name] for name in "ABCD"], "100000")
    exported = {item["name"]: item["value"] for item in build["exportedEnvironmentVariables"]}
    assert exported == {"A": variables["A"], "C": variables["C"], "F": variables["A"] + variables["B"]}


def test_version_0_1_gives_every_command_its_own_shell(aws: Any) -> None:
    """In the old version nothing persists."""
    build = aws.build('{"version": "0.1", "phases": {"build": {"commands": ["A=1; cd /", "echo \\"[$A]\\" $PWD"]}}}')
    [line] = aws.output(build)
    assert line.startswith("[] ")
    assert line.endswith("/src")


def test_a_bad_buildspec_fails_while_the_source_is_downloaded(aws: Any) -> None:
    """YAML_FILE_ERROR is the context of DOWNLOAD_SOURCE, and no phase of the buildspec runs."""
    build = aws.build(_HEAD + "phases:\n  build:\n    commands:\n      - echo a: b\n")
    phase = build["phases"][3]
    assert (phase["phaseType"], phase["phaseStatus"]) == ("DOWNLOAD_SOURCE", "FAILED")
    assert phase["contexts"][0]["statusCode"] == "YAML_FILE_ERROR"
    assert [phase["phaseType"] for phase in build["phases"][4:]] == ["FINALIZING", "COMPLETED"]
    assert "Phase context status code: YAML_FILE_ERROR Message: Expected Commands[0]" in aws.log(build)


def test_variables_come_from_everywhere_and_the_nearest_wins(aws: Any) -> None:
    """Start-build over project over buildspec; SSM and Secrets Manager resolved; exported variables returned."""
    aws.client("ssm").put_parameter(Name="/run/token", Value="s3cret-token", Type="SecureString")
    secret = aws.client("secretsmanager").create_secret(Name="run/db", SecretString='{"password": "hunter22"}')
    spec = _commands(
        "echo $A $B $C",
        "echo token=$TOKEN password=$PASSWORD by-arn=$BY_ARN direct=$DIRECT",
        "export OUT=$A-$B",
        env={
            "variables": {"A": "spec", "B": "spec", "C": "spec"},
            "parameter-store": {"TOKEN": "/run/token"},
            "secrets-manager": {"PASSWORD": "run/db:password", "BY_ARN": secret["ARN"] + ":password:AWSCURRENT"},
            "exported-variables": ["OUT", "UNSET"],
        },
    )
    environment = {
        "type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": [
            {"name": "A", "value": "project"}, {"name": "B", "value": "project"},
            {"name": "DIRECT", "value": "/run/token", "type": "PARAMETER_STORE"},
        ],
    }  # fmt: skip
    start = {"environmentVariablesOverride": [{"name": "A", "value": "start; exit 9", "type": "PLAINTEXT"}]}
    build = aws.build(spec, environment=environment, start=start)
    assert aws.output(build) == ["start; exit 9 project spec", "token=*** password=*** by-arn=*** direct=***"]
    assert build["exportedEnvironmentVariables"] == [
        {"name": "OUT", "value": "start; exit 9-project"},
        {"name": "UNSET", "value": ""},
    ]
    assert (
        "hunter22"
        not in (aws.directory / "codebuild")
        .joinpath("eu-central-1", "builds", build["id"].partition(":")[2], "build.log")
        .read_text()
    )


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"parameter-store": {"A": "/not/there"}}, "Decrypted Variables Error"),
        ({"secrets-manager": {"A": "not-there"}}, "Secrets Manager Error"),
    ],
)
def test_a_reference_that_leads_nowhere_fails_before_any_command(aws: Any, env: dict[str, Any], code: str) -> None:
    """The context says what is missing."""
    build = aws.build(_commands("echo never", env=env))
    assert build["phases"][3]["contexts"][0]["statusCode"] == code
    assert aws.output(build) == []


def test_the_environment_is_made_from_nothing(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build sees CODEBUILD_*, AWS_* of the emulator and network settings; nothing private of this process."""
    monkeypatch.setenv("MY_PRIVATE_TOKEN", "canary")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary")
    monkeypatch.setenv("AWS_PROFILE", "canary")
    monkeypatch.setenv("PIP_INDEX_URL", "http://pip.example/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    build = aws.build(_commands("python3 -c 'import json, os; print(json.dumps(dict(os.environ)))'"))
    seen = json.loads(aws.output(build)[0])
    assert "canary" not in seen.values()
    assert seen["PIP_INDEX_URL"] == "http://pip.example/simple"
    assert "127.0.0.1" in seen["NO_PROXY"]
    assert seen["AWS_ENDPOINT_URL"] == aws.server.url
    assert seen["CODEBUILD_BUILD_ID"] == build["id"]
    assert seen["CODEBUILD_BUILD_ARN"] == build["arn"]
    assert seen["CODEBUILD_BUILD_NUMBER"] == "1"
    assert seen["CODEBUILD_LOG_PATH"] == build["logs"]["streamName"]
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert int(seen["CODEBUILD_START_TIME"]) == pytest.approx(build["startTime"].timestamp() * 1000, abs=1000)
    assert seen["HOME"] != os.environ.get("HOME")
    assert not [name for name in seen if name.startswith("__")]


def test_the_aws_command_works_inside_a_build(aws: Any) -> None:
    """`aws` is on PATH and talks to the emulator."""
    build = aws.build(_commands("aws sts get-caller-identity --query Account --output text"))
    assert aws.output(build) == ["123456789012"]


def test_a_build_that_takes_too_long_is_timed_out(own_aws: Any, phase_status: Any, tmp_path: Path) -> None:
    """The command, and a process that hid in its own session, are killed; nothing else runs."""
    hidden = tmp_path / "hidden"
    spec = _spec(
        {
            "build": {
                "commands": [f"setsid sh -c 'echo $$ >{hidden}; exec sleep 60' & sleep 60"],
                "finally": ["echo f"],
            },
            "post_build": {"commands": ["echo p"]},
        }
    )
    build = own_aws.build(spec, timeoutInMinutes=40)
    assert build["buildStatus"] == "TIMED_OUT"
    assert phase_status(build)["BUILD"] == "TIMED_OUT"
    assert build["phases"][-2]["contexts"][0]["statusCode"] == "BUILD_TIMED_OUT"
    assert own_aws.output(build) == []
    time.sleep(0.1)
    stat = Path("/proc") / hidden.read_text().strip() / "stat"
    assert not stat.exists() or ") Z " in stat.read_text()


def test_much_output_does_not_make_a_build_slow(aws: Any) -> None:
    """A hundred thousand lines, ten megabytes and a line of a megabyte arrive completely, in seconds."""
    began = time.process_time()  # the stand-in is in this process
    build = aws.build(
        _commands(
            "seq 1 100000",
            "head -c 10000000 /dev/zero | tr '\\0' x | fold -w 1000",
            "head -c 1000000 /dev/zero | tr '\\0' y; echo",
            "echo end",
        )
    )
    assert time.process_time() - began < 10
    text = (aws.directory / "codebuild/eu-central-1/builds" / build["id"].partition(":")[2] / "build.log").read_text()
    assert "\n99999\n100000\n" in text
    assert (text.count("x" * 1000), text.replace("\n", "").count("y" * 1_000_000)) == (10_000, 1)


def test_logs_can_be_read_while_the_build_runs(aws: Any) -> None:
    """A line is in CloudWatch Logs long before the build ends."""
    client = aws.client("codebuild")
    name = aws.project(_commands("echo early", "sleep 60"), logsConfig={
        "cloudWatchLogs": {"status": "ENABLED", "groupName": "/my/group", "streamName": "mine"},
    })  # fmt: skip
    started = client.start_build(projectName=name)["build"]["id"]
    build = aws.wait_for(started, lambda one: "groupName" in one["logs"])
    assert (build["logs"]["groupName"], build["logs"]["streamName"]) == (
        "/my/group", f"mine/{started.partition(':')[2]}",
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while "early" not in aws.output(build) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "early" in aws.output(build)
    client.stop_build(id=started)
