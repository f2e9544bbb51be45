"""The script of faults: how it is read, refused, set, shown, and explained on its page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.cli.main import cli
from orchestrator.emulator import faults
from orchestrator.emulator.control import Running
from orchestrator.emulator.injection.calls import identify
from orchestrator.emulator.injection.engine import Faults
from orchestrator.emulator.injection.kinds import KINDS
from orchestrator.emulator.injection.rules import parse
from orchestrator.errors import ConfigurationError

PAGE = Path(__file__).parents[2] / "docs" / "emulator-faults.md"


def _script(service: str, operation: str, *answers: Any, **more: Any) -> dict[str, Any]:
    return {"rules": [{"service": service, "operation": operation, "answers": list(answers), **more}]}


_BROKEN = [
    ([], "expected an object with a list `rules`"),
    ({"rules": [], "sede": 1}, "the script has no member `sede`; perhaps you meant `seed`"),
    ({"rules": [1]}, "rule 1: expected an object"),
    (_script("codebuld", "*", "throttle"), "perhaps you meant `codebuild`"),
    (_script("codebuild", "StartBuid", "throttle"), "has no operation `StartBuid`; perhaps you meant `StartBuild`"),
    (_script("gitlab", "GET /usr", "html"), "perhaps you meant `GET /user"),
    (_script("codebuild", "*"), "at least one answer"),
    (_script("codebuild", "*", "trottle"), "perhaps you meant `throttle`"),
    (_script("gitlab", "*", "throttle"), "`throttle` is no answer of `gitlab`"),
    (_script("event", "*", "html"), "`html` is no answer of `event`"),
    (_script("s3", "*", {"kind": "status"}), "`status` of `status` is None, expected a whole number from 400 to 599"),
    (_script("s3", "*", {"kind": "status", "status": 500, "retry": 1}), "has no member `retry`"),
    (_script("s3", "*", {"kind": "status", "status": 429, "retry_after": "1\r\nX: y"}), "expected a whole number of"),
    (_script("s3", "*", "html", times=0), "`times` is 0"),
    (_script("s3", "*", "html", probability=2), "`probability` is 2"),
    ({"rules": _script("s3", "*", "html", name="a")["rules"] * 2}, "the name `a` stands at two rules"),
]


@pytest.mark.parametrize(("script", "expected"), _BROKEN)
def test_a_wrong_script_is_refused_as_a_whole(whole_emulator: Running, script: Any, expected: str) -> None:
    """The message names the member and what was expected, and nothing is in force afterwards."""
    with pytest.raises(ConfigurationError) as caught:
        faults.put(whole_emulator, script)
    assert expected in caught.value.detail
    assert faults.show(whole_emulator)["rules"] == []


def test_all_problems_come_at_once() -> None:
    """One attempt tells everything that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        parse({"rules": [{"service": "x", "answers": ["y"], "times": -1}, {"service": "s3"}]})
    assert len(caught.value.detail.splitlines()) == 4


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 900) | st.floats(-1, 2) | st.sampled_from([*KINDS, "s3", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["kind", "answers", "service", "operation", "times", "status", "seconds", "probability", "name", "seed"]
    ), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(_JSON, max_size=3))
def test_no_script_breaks_the_parser(rules: list[Any]) -> None:
    """Whatever is in the file, it is either taken and can be played, or refused with a reason."""
    try:
        parsed = parse({"rules": rules})
    except ConfigurationError as error:
        assert error.detail
        return
    engine = Faults()
    engine.use(parsed)
    for service in ("s3", "gitlab", "build", "event"):
        engine.take(service, "x")
    json.dumps(engine.told())


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "expected"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/b", "list-type=2&prefix=x", {}, "ListObjectsV2"),
        ("GET", "/b/a/b c", "", {}, "GetObject"),
        ("HEAD", "/b/k", "", {}, "HeadObject"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"HTTP_X_AMZ_COPY_SOURCE": "/b/o"}, "CopyObject"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("PUT", "/b", "", {}, "CreateBucket"),
        ("GET", "/b", "policy", {}, "GetBucketPolicy"),
        ("GET", "/b", "location=", {}, "GetBucketLocation"),
    ],
)
def test_operations_of_s3_are_told_by_method_path_and_query(
    method: str, path: str, query: str, headers: dict[str, str], expected: str
) -> None:
    """A rule for one operation of S3 never hits another."""
    scope = "AWS4-HMAC-SHA256 Credential=K/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_AUTHORIZATION": scope}
    call = identify(environ | headers)
    assert call is not None and (call.service, call.operation) == ("s3", expected)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def page_folder(whole_emulator: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder where the emulator is at its usual place, with the page's first script as `faults.json`."""
    (tmp_path / ".orchestrator").mkdir()
    (tmp_path / ".orchestrator" / "local").symlink_to(whole_emulator.directory)
    (tmp_path / "faults.json").write_text(_blocks("json")[0])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    faults.clear(whole_emulator)


@pytest.mark.usefixtures("page_folder")
def test_the_page_shows_what_happens(whole_emulator: Running) -> None:
    """Every command of the page runs, and the journal that it shows is the one that comes out."""
    runner = CliRunner()
    codebuild = boto3.client(
        "codebuild",
        endpoint_url=whole_emulator.aws_url,
        region_name=whole_emulator.region,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )
    shown = ""
    for line in (line for block in _blocks("sh") for line in block.splitlines()):
        words = line.split()
        if words[:2] == ["aws", "codebuild"]:
            with pytest.raises(ClientError):
                codebuild.start_build(projectName="parser")
            continue
        if words[:3] != ["orchestrator", "local", "faults"]:
            continue
        result = runner.invoke(cli, words[1:])
        assert result.exit_code == 0, result.output
        shown += result.stdout
    assert shown == "".join(_blocks("text")) + "no faults are in force\n"


@pytest.mark.parametrize("script", _blocks("json"))
def test_every_script_of_the_page_can_be_used(whole_emulator: Running, script: str) -> None:
    """What the page shows is accepted by a running emulator."""
    with faults.injected(whole_emulator, json.loads(script)):
        assert len(faults.show(whole_emulator)["rules"]) == len(json.loads(script)["rules"])


def test_the_page_names_every_kind_of_answer() -> None:
    """The table of answers is complete, and has no kind that is gone."""
    table = PAGE.read_text("utf-8").split("## Answers")[1]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(KINDS)


def test_commands_say_what_is_wrong(page_folder: Path) -> None:
    """A file that is missing or no JSON, and a script that is wrong, are refused with a hint; `show --json` is JSON."""
    (page_folder / "bad.json").write_text("{")
    (page_folder / "wrong.json").write_text('{"rules": [{"service": "s4", "answers": ["html"]}]}')
    runner = CliRunner()
    for file in ("bad.json", "wrong.json", "missing.json"):
        result = runner.invoke(cli, ["local", "faults", "set", file])
        assert isinstance(result.exception, ConfigurationError) and result.exception.hint
    assert json.loads(runner.invoke(cli, ["local", "faults", "show", "--json"]).stdout) == {
        "schema_version": 1,
        "rules": [],
        "held": [],
        "journal": [],
    }
