"""The closed sets of words that YAML, Python, HCL and the command line share."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A closed set of words that print as themselves (`enum.StrEnum` needs Python 3.11)."""

    __str__ = str.__str__


class Architecture(Word):
    """The two architectures that Lambda knows, spelled as Lambda spells them."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class Kind(Word):
    """What a package is: code of a Lambda function, a Lambda layer, or whatever the user's own commands leave."""

    FUNCTION = "function"
    LAYER = "layer"
    CUSTOM = "custom"


class Where(Word):
    """Where a package is made: always in CodeBuild, or in the job itself if nothing has to be compiled."""

    CODEBUILD = "codebuild"
    AUTO = "auto"


class Machine(Word):
    """What a build runs on: a container of its own machine, or CodeBuild's Lambda compute."""

    CONTAINER = "container"
    LAMBDA = "lambda"


class CacheKind(Word):
    """Where CodeBuild keeps files for later builds: in S3, or on the machine that happened to run the build."""

    S3 = "s3"
    LOCAL = "local"


class Return(Word):
    """Who brings the result of a build home: the build itself, the event of its end, or the job that waits for it."""

    TRIGGER = "trigger"
    EVENT = "event"
    WAIT = "wait"


class Source(Word):
    """How the commit reaches the build: an archive in S3, or a clone from GitLab."""

    SNAPSHOT = "snapshot"
    CLONE = "clone"


class StateBackend(Word):
    """Where Terraform keeps its state."""

    LOCAL = "local"
    S3 = "s3"
    GITLAB = "gitlab"


class BuildStatus(Word):
    """The states of a build, as CodeBuild names them (`StatusType` of its API)."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    FAULT = "FAULT"
    TIMED_OUT = "TIMED_OUT"
    IN_PROGRESS = "IN_PROGRESS"
    STOPPED = "STOPPED"
