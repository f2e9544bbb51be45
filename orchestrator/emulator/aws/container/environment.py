"""Which variables a build sees, made from nothing: never the emulator's own environment."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws import clients
from orchestrator.emulator.aws.codebuild import arns
from orchestrator.emulator.aws.container import secrets
from orchestrator.emulator.aws.container.buildspec import Buildspec
from orchestrator.emulator.aws.container.failures import PhaseFailed
from orchestrator.emulator.aws.container.private_system import PrivateSystem

# How this machine reaches the network; nothing else of it is any business of a build.
_PASSED_ON = re.compile(
    r"(?:[A-Za-z]+_PROXY|[a-z]+_proxy|PIP_\w+|UV_\w+|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE"
    r"|CURL_CA_BUNDLE|AWS_CA_BUNDLE|GIT_SSL_CAINFO|LANG)"
)
_KEPT_BACK = ("UV_PYTHON", "UV_PROJECT_ENVIRONMENT")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOOPBACK = "127.0.0.1,localhost"
_LONGEST_VARIABLE_BYTES = 131_072  # MAX_ARG_STRLEN


@dataclass(frozen=True)
class Folders:
    """The private directories of one build; all but `temporary` (its TMPDIR) are kept as evidence."""

    root: Path
    temporary: Path

    @property
    def source(self) -> Path:
        """Where the source is and commands start."""
        return self.root / "src"

    @property
    def home(self) -> Path:
        """The build's HOME."""
        return self.root / "home"

    @property
    def control(self) -> Path:
        """Files between the emulator and the shell."""
        return self.root / "control"

    @property
    def system(self) -> PrivateSystem:
        """The system that the build may change."""
        return PrivateSystem(self.temporary / "system")

    def secondary_source(self, identifier: str) -> Path:
        """Where the secondary source `identifier` is."""
        return self.root / f"src-{identifier}"

    def create(self) -> None:
        """Make all of them."""
        for folder in (self.source, self.home, self.control):
            folder.mkdir(parents=True, exist_ok=True)
        self.system.create(search_path())


@dataclass(frozen=True)
class Variables:
    """All variables of a build; `secret` are the values that logs must not show."""

    values: Mapping[str, str]
    secret: tuple[str, ...]


def network_settings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a child process needs of `environ` (default: this process's) to reach the network."""
    environ = os.environ if environ is None else environ
    found = {name: value for name, value in environ.items() if _PASSED_ON.fullmatch(name) and name not in _KEPT_BACK}
    if any(name.lower().endswith("_proxy") for name in found):
        for name in ("NO_PROXY", "no_proxy"):
            found[name] = ",".join(filter(None, (found.get(name, ""), _LOOPBACK)))
    return found


def search_path() -> str:
    """Return a PATH on which this interpreter's `python3` and `aws` come first, then the system."""
    found = [str(Path(sys.executable).parent)]
    tools = (shutil.which(tool) for tool in ("aws", "python3", "git"))
    found += [str(Path(tool).parent) for tool in tools if tool is not None]
    return ":".join(dict.fromkeys([*found, *_SYSTEM_PATH.split(":")]))


def aws_settings(url: str, region: str) -> dict[str, str]:
    """Return the variables with which any AWS client finds the emulator, and nothing else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": clients.ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": clients.SECRET_ACCESS_KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def resolve(build: Mapping[str, Any], buildspec: Buildspec, access: clients.Clients) -> Variables:
    """Return the user's variables: start-build over project over buildspec (AWS docs: build-env-ref).

    Start-build and project are merged already in `build`. Raises PhaseFailed when a reference leads nowhere.
    """
    declared: dict[str, tuple[str, str]] = {
        name: (kind, value)
        for kind, values in (
            ("PLAINTEXT", buildspec.variables),
            ("PARAMETER_STORE", buildspec.parameter_store),
            ("SECRETS_MANAGER", buildspec.secrets_manager),
        )
        for name, value in values.items()
    }
    for variable in build["environment"].get("environmentVariables", []):
        declared[variable["name"]] = (variable.get("type", "PLAINTEXT"), variable["value"])

    def of(kind: str) -> dict[str, str]:
        return {name: value for name, (found, value) in declared.items() if found == kind}

    hidden = {
        **secrets.from_parameter_store(access, of("PARAMETER_STORE")),
        **secrets.from_secrets_manager(access, of("SECRETS_MANAGER")),
    }
    return Variables({**of("PLAINTEXT"), **hidden}, tuple(hidden.values()))


def assemble(
    build: Mapping[str, Any], folders: Folders, user: Mapping[str, str], url: str, region: str
) -> dict[str, str]:
    """Return the complete environment of a build; the user's variables win except over CODEBUILD_*.

    Raises PhaseFailed (`CLIENT_ERROR`) for a variable that no process can have.
    """
    for name, value in user.items():
        _check(name, value)
    return {
        **network_settings(),
        **aws_settings(url, region),
        **folders.system.variables(),
        "PATH": folders.system.path(search_path(), _SYSTEM_PATH),
        "HOME": str(folders.home),
        "TMPDIR": str(folders.temporary),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        **user,
        **_codebuild(build, folders, region),
    }


def _check(name: str, value: str) -> None:
    if not name or "=" in name or "\0" in name + value:
        raise PhaseFailed("CLIENT_ERROR", f"environment variable {name!r} has no usable name, or a zero byte")
    if len(f"{name}={value}".encode(errors="replace")) >= _LONGEST_VARIABLE_BYTES:
        message = f"environment variable {name} is longer than the {_LONGEST_VARIABLE_BYTES} bytes of Linux"
        raise PhaseFailed("CLIENT_ERROR", message)


def marker(build: Mapping[str, Any]) -> str:
    """Return the `NAME=value` that every process of this build, and no other, has in its environment."""
    return f"CODEBUILD_BUILD_ARN={build['arn']}"


def _codebuild(build: Mapping[str, Any], folders: Folders, region: str) -> dict[str, str]:
    source = build["source"]
    variables = {
        "CODEBUILD_AGENT_ENV_CODEBUILD_REGION": region,
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_IMAGE": build["environment"]["image"],
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_CI": "true",
        "CODEBUILD_INITIATOR": build["initiator"],
        "CODEBUILD_KMS_KEY_ID": build["encryptionKey"],
        "CODEBUILD_LOG_PATH": build.get("logs", {}).get("streamName") or arns.build_uuid(build["id"]),
        "CODEBUILD_PROJECT_ARN": build["arn"].partition(":build/")[0] + f":project/{build['projectName']}",
        "CODEBUILD_SOURCE_REPO_URL": source.get("location", ""),
        "CODEBUILD_SOURCE_VERSION": build.get("sourceVersion", ""),
        "CODEBUILD_SRC_DIR": str(folders.source),
        "CODEBUILD_START_TIME": str(int(build["startTime"] * 1000)),
    }
    return variables | dict(_secondary(build, folders))


def _secondary(build: Mapping[str, Any], folders: Folders) -> Iterable[tuple[str, str]]:
    versions = {entry["sourceIdentifier"]: entry["sourceVersion"] for entry in build.get("secondarySourceVersions", [])}
    for source in build.get("secondarySources", []):
        name = source["sourceIdentifier"]
        yield f"CODEBUILD_SRC_DIR_{name}", str(folders.secondary_source(name))
        yield f"CODEBUILD_SOURCE_REPO_URL_{name}", source.get("location", "")
        yield f"CODEBUILD_SOURCE_VERSION_{name}", versions.get(name, "")


def write_git_credential_helper(folders: Folders, region: str) -> None:
    """Let git ask the AWS CLI for CodeCommit credentials (`git-credential-helper: yes`)."""
    url = f"https://git-codecommit.{region}.amazonaws.com"
    text = f'[credential "{url}"]\n\thelper = !aws codecommit credential-helper $@\n\tUseHttpPath = true\n'
    (folders.home / ".gitconfig").write_text(text, encoding="utf-8")
