"""What a failure of Terraform means to the person who has to do something about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from orchestrator.effects.terraform_plan import Problem
from orchestrator.effects.terraform_providers import MIRROR_VARIABLE, mirror_places
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError

_LAST_LINES = 20
_MOST_PROBLEMS = 3

_LOCKED = "Error acquiring the state lock"
_NO_PROVIDER = re.compile(
    r"was not found in any of the search locations|no available releases match|does not have a provider named"
    r"|not available for|does not have a package available"
)
_UNREACHABLE = re.compile(
    r"could not connect to|failed to request discovery document|could not query provider registry"
    r"|failed to retrieve authentication checksums|no such host|i/o timeout|TLS handshake timeout"
    r"|connection re(set|fused)|unexpected EOF|Client\.Timeout|context deadline exceeded|request canceled"
    r"|(50[0234]|429) (Internal|Bad|Service|Gateway|Too)",
    re.IGNORECASE,
)
_NO_CREDENTIALS = re.compile(
    r"No valid credential sources|NoCredentialProviders|failed to refresh cached credentials"
    r"|static credentials are empty"
)
_WRONG_CREDENTIALS = re.compile(
    r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidAccessKeyId"
)
_EXPIRED_CREDENTIALS = re.compile(r"ExpiredToken")
_INVALID_VALUE = re.compile(r"^Invalid value for (input )?variable")
# What CodeBuild says of a role or policy that was made a moment ago (CodeBuild user guide: troubleshooting;
# hashicorp/terraform-provider-aws issues 4233, 11709, 11741), and of nothing else that passes.
_ROLE_UNKNOWN = re.compile(
    r"CodeBuild is not authorized to perform: sts:AssumeRole|Not authorized to perform DescribeSecurityGroups",
    re.IGNORECASE,
)


def passing(problems: Sequence[Problem]) -> bool:
    """Tell whether an `init` failed by the network or a registry's bad moment, so that it is worth another try."""
    return any(_UNREACHABLE.search(problem.text) for problem in problems)


def role_unknown(problems: Sequence[Problem]) -> bool:
    """Tell whether the one thing that failed is that CodeBuild does not know a new role yet."""
    return bool(problems) and all(_ROLE_UNKNOWN.search(problem.text) for problem in problems)


def explain(
    command: str, problems: Sequence[Problem], tail: Sequence[str], environment: Mapping[str, str]
) -> OrchestratorError:
    """Return the error to raise for a command that failed."""
    for problem in problems:
        if found := _known(command, problem, environment):
            return found
    if role_unknown(problems):
        return MachineryError(
            f"`{command}` failed because CodeBuild may not take the role of the project",
            detail=_told(problems, tail),
            hint="either AWS has not made the new role known yet, then run this again; or something else changed the "
            "role's trust policy, then compare it with the plan",
        )
    return MachineryError(
        f"`{command}` failed",
        detail=_told(problems, tail),
        hint="run this again; if it fails the same way, correct what it names",
    )


def _known(command: str, problem: Problem, environment: Mapping[str, str]) -> OrchestratorError | None:
    text = problem.text
    if problem.summary == _LOCKED:
        return _locked(command, problem)
    if _NO_PROVIDER.search(text):
        return ConfigurationError("Terraform finds no usable AWS provider", **_where(problem, environment))
    if _UNREACHABLE.search(text) and "provider" in text:
        return MachineryError("Terraform does not reach the registry of providers", **_where(problem, environment))
    if _NO_CREDENTIALS.search(text):
        return ConfigurationError(
            "there are no AWS credentials for Terraform",
            detail=_shortened(problem.detail),
            hint="give the job a role (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE), or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY",
        )
    if _EXPIRED_CREDENTIALS.search(text):
        return MachineryError(
            "the AWS credentials ended while Terraform worked",
            detail=_shortened(text),
            hint="run this again with fresh ones",
        )
    if _WRONG_CREDENTIALS.search(text):
        return ConfigurationError(
            "AWS does not accept the credentials",
            detail=_shortened(text),
            hint="check which account and role they are for",
        )
    if _INVALID_VALUE.search(problem.summary):
        return ConfigurationError("a setting cannot work", detail=_shortened(problem.detail))
    return None


def _locked(command: str, problem: Problem) -> MachineryError:
    """Return who holds the lock; what Terraform prints of it are lines like `  Who:  name@host`."""
    info = dict(re.findall(r"^\s*(ID|Path|Operation|Who|Created):[ \t]+(\S.*?)\s*$", problem.detail, re.MULTILINE))
    if not info:
        return MachineryError(
            f"`{command}` cannot lock the state",
            detail=_shortened(problem.detail),
            hint="run this again when the state can be reached",
        )
    return MachineryError(
        f"`{command}` cannot lock the state, somebody else is at work on it",
        detail="\n".join(f"{name}: {info[name]}" for name in ("Who", "Created", "ID", "Operation") if name in info),
        hint="let that run end and run this again; nothing is unlocked by force, the other run would lose its work",
    )


def _where(problem: Problem, environment: Mapping[str, str]) -> dict[str, str]:
    if config := environment.get("TF_CLI_CONFIG_FILE"):
        searched = f"searched: what `{config}` says"
    else:
        searched = "searched for a mirror: " + ", ".join(f"`{place}`" for place in mirror_places(environment))
        searched += "; then the registry"
    return {
        "detail": f"{_shortened(problem.detail.partition('To see which modules')[0].strip())}\n{searched}",
        "hint": "let this machine reach the registry, or put the AWS provider (5 or 6) into a filesystem mirror "
        f"(`terraform providers mirror DIRECTORY`) and set {MIRROR_VARIABLE}=DIRECTORY",
    }


def _told(problems: Sequence[Problem], tail: Sequence[str]) -> str:
    if not problems:
        return "\n".join([line for line in tail if line.strip()][-_LAST_LINES:])
    told = [
        "\n".join(
            filter(
                None,
                [
                    f"{problem.summary} ({problem.address})" if problem.address else problem.summary,
                    _shortened(problem.detail),
                ],
            )
        )
        for problem in problems[:_MOST_PROBLEMS]
    ]
    more = len(problems) - len(told)
    return "\n".join([*told, *([f"and {more} more"] if more else [])])


def _shortened(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[:_LAST_LINES])
