"""One build in small: a bucket and parameters in moto, a scripted GitLab, and the zipapp run as a subprocess."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from moto.server import ThreadedMotoServer

from orchestrator.effects.zipapp import build_zipapp

ACCOUNT = "123456789012"
BUILD_ID = "demo-parser:0f0e0d0c-1111-2222-3333-444455556666"
CANARY = "glptt-canary-0123456789+/="
BUCKET = "demo-artifacts"


@dataclass
class GitLab:
    """A GitLab that gives the answers of its script in turn (the last one for ever) and keeps what it was sent."""

    script: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    """Give a scripted GitLab on loopback."""
    state = GitLab([(201, {}, json.dumps({"id": 7, "web_url": "http://gitlab/p/7"}))])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.requests.append((self.path, parse_qs(body)))
            status, headers, text = state.script.pop(0) if len(state.script) > 1 else state.script[0]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/api/v4"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


# For one file at a time, and tidy: all servers of moto in one process share what they know, and some tests reset it.
@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    """Give the address of a moto server with the bucket and the trigger token."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    s3 = _client("s3", url)
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for name, value in {"/gitlab/trigger/demo": CANARY, "/gitlab/username": "robot", "/gitlab/pat": CANARY}.items():
        _client("ssm", url).put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    yield url
    _client("ssm", url).delete_parameters(Names=["/gitlab/trigger/demo", "/gitlab/username", "/gitlab/pat"])
    server.stop()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory, aws_url: str) -> Path:
    """Run the phase `install` once for all tests; give the directory of the tools."""
    case = Case(tmp_path_factory.mktemp("tools"), aws_url, "http://127.0.0.1:9/api/v4")
    case.run("install")
    return case.private / "tools"


class Case:
    """One build: its private directory, its environment, its repository."""

    def __init__(self, directory: Path, aws_url: str, gitlab_url: str) -> None:
        self.private, self.root = directory / "private", directory / "src"
        self.repository, self.aws_url = directory / "repository", aws_url
        for path in (self.private, self.root, self.repository):
            path.mkdir()
        zipapp = build_zipapp()
        (self.private / "orchestrator.pyz").write_bytes(zipapp.content)
        self.settings: dict[str, Any] = {
            "project": "demo",
            "package": "parser",
            "kind": "function",
            "architecture": "arm64",
            "runtime": "python3.12",
            "source": ".",
            "requirements": "requirements.txt",
            "environment": {},
            "fetch": "snapshot",
            "clone": None,
            "trigger": {"api_url": gitlab_url, "project": "group/demo", "token_parameter": "/gitlab/trigger/demo"},
            "prefix": "team",
        }
        self.variables = {
            "AWS_ENDPOINT_URL": aws_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CODEBUILD_BUILD_ID": BUILD_ID,
            "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/{BUILD_ID}",
            "CODEBUILD_BUILD_NUMBER": "3",
            "CODEBUILD_BUILD_IMAGE": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_SRC_DIR": str(self.root),
            "ORCHESTRATOR_BUCKET": BUCKET,
            "ORCHESTRATOR_PREFIX": "team",
            "ORCHESTRATOR_COMMIT_SHA": "0" * 40,
            "ORCHESTRATOR_REF": "feature/ä;$(id)",
            "ORCHESTRATOR_SNAPSHOT_SHA256": "0" * 64,
            "ORCHESTRATOR_PIPELINE_ID": "99",
            "ORCHESTRATOR_TOOL_SHA256": zipapp.sha256,
        }
        self.output = ""

    def commit(self, files: dict[str, str]) -> str:
        """Commit files, store the snapshot as `orchestrator build` does, and return the commit's id."""
        for name, content in files.items():
            path = self.repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        git = ["git", "-C", str(self.repository), "-c", "user.name=t", "-c", "user.email=t@example.org"]
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--no-gpg-sign", "-m", "x"]):
            subprocess.run([*git, *arguments], check=True, timeout=30)
        sha = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        tar = subprocess.run([*git, "archive", sha], check=True, capture_output=True, timeout=30).stdout
        self.variables["ORCHESTRATOR_COMMIT_SHA"] = sha
        self.store_snapshot(tar)
        return sha

    def store_snapshot(self, tar: bytes) -> None:
        """Store a tar under the commit's key, and tell the build its digest."""
        import gzip

        self.variables["ORCHESTRATOR_SNAPSHOT_SHA256"] = hashlib.sha256(tar).hexdigest()
        key = f"team/snapshots/{self.variables['ORCHESTRATOR_COMMIT_SHA']}.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(tar))

    @property
    def s3(self) -> Any:
        return _client("s3", self.aws_url)

    def use(self, tools: Path) -> Case:
        """Take tools that another build has installed."""
        (self.private / "tools").unlink(missing_ok=True)
        (self.private / "tools").symlink_to(tools)
        return self

    def run(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """Run one command of the zipapp, expect its exit code, and return all that it printed."""
        environment = {**os.environ, **self.variables, **variables}
        environment["ORCHESTRATOR_SETTINGS"] = json.dumps(self.settings)
        done = subprocess.run(
            [sys.executable, self.private / "orchestrator.pyz", *arguments],
            env=environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
        )
        printed = done.stdout + done.stderr
        self.output += printed
        assert done.returncode == code, printed
        assert "Traceback" not in printed
        return printed

    def stored(self, name: str) -> bytes:
        """Return a file that the build delivered."""
        project, _, uuid = BUILD_ID.partition(":")
        key = f"team/artifacts/{project}/{self.variables['ORCHESTRATOR_COMMIT_SHA']}/{uuid}/{name}"
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


@pytest.fixture
def case(tmp_path: Path, aws_url: str, gitlab: GitLab) -> Case:
    """Give a build whose tools are not installed yet."""
    return Case(tmp_path, aws_url, gitlab.url)


def _client(service: str, url: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
