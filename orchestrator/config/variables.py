"""Which environment variables a package may set in its build, and why some are refused."""

from __future__ import annotations

import re

from orchestrator.config.secrets import looks_like_secret

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"

_PROGRAMS = "it decides which programs and libraries run in the build"
_SHELL = "it changes what the shell of the build does"
_PYTHON = "it changes the Python that checks and packs the result"
_RESERVED_PREFIXES = {
    "CODEBUILD_": "CodeBuild reserves names beginning with `CODEBUILD_`",
    "ORCHESTRATOR_": "names beginning with `ORCHESTRATOR_` carry the orchestrator's own settings",
    "AWS_": "names beginning with `AWS_` decide with which credentials and services the build talks",
    "GIT_": "names beginning with `GIT_` decide which programs git runs and whom it trusts",
    "LD_": "names beginning with `LD_` decide which libraries are loaded into every program of the build",
    "BASH_FUNC_": _SHELL,
}
_RESERVED = {
    **dict.fromkeys(("PATH", "HOME", "SHELL"), _PROGRAMS),
    **dict.fromkeys(("BASH_ENV", "BASHOPTS", "CDPATH", "ENV", "IFS", "PROMPT_COMMAND", "PS4", "SHELLOPTS"), _SHELL),
    **dict.fromkeys(
        (
            "PYTHONBREAKPOINT",
            "PYTHONEXECUTABLE",
            "PYTHONHOME",
            "PYTHONINSPECT",
            "PYTHONPATH",
            "PYTHONPLATLIBDIR",
            "PYTHONSTARTUP",
            "PYTHONUSERBASE",
            "PYTHONWARNINGS",
        ),
        _PYTHON,
    ),
}


def variable_name(text: str) -> str:
    """Return the name of a variable, or raise ValueError with the reason why it cannot be set."""
    if not re.fullmatch(NAME_PATTERN.strip("^$"), text):
        raise ValueError("expected the name of a variable: letters, digits and underscores, not beginning with a digit")
    reason = _RESERVED.get(text) or next(
        (reason for start, reason in _RESERVED_PREFIXES.items() if text.startswith(start)), None
    )
    if reason:
        raise ValueError(f"this variable cannot be set: {reason}")
    return text


def variable_value(text: str) -> str:
    """Return the value of a variable; raise ValueError, without showing it, when it cannot be one."""
    kind = looks_like_secret(text)
    if kind:
        raise ValueError(
            f"the value looks like {kind} and is not shown; this file is no place for secrets, "
            "keep it in the SSM Parameter Store and read it from there"
        )
    if "\0" in text:
        raise ValueError("the value holds a NUL character, which no variable can")
    return text
