"""How what a package says about its making is written: each function returns its text, or says what it expected."""

from __future__ import annotations

import re
from datetime import date as calendar_date

from orchestrator.config.secrets import looks_like_secret
from orchestrator.config.shapes import matches

MODULE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
DISTRIBUTION_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
SYSTEM_PACKAGE_PATTERN = r"^[A-Za-z0-9@/][A-Za-z0-9@/+._:~=*()-]{0,254}$"
VERSION_PATTERN = r"^[0-9]{1,4}(\.[0-9]{1,4}){0,3}$"
LIBRARY_PATTERN = r"^[A-Za-z0-9_+.-]+\.so(\.[A-Za-z0-9_.-]+)?$"
RUNTIME_PATTERN = r"^[a-z][a-z0-9.-]{0,62}$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

_COMMAND_LIMIT = 4096
_TEXT_LIMIT = 500


def command(text: str) -> str:
    """Lines for bash; they stand in the buildspec, which AWS shows, so no secret may be in them."""
    kind = looks_like_secret(text)
    if kind:
        raise ValueError(
            f"this command holds what looks like {kind} and is not shown; AWS shows commands to everybody who may "
            "look at the build, so read it from the SSM Parameter Store"
        )
    if not text.strip() or "\0" in text or len(text) > _COMMAND_LIMIT:
        raise ValueError(f"expected a command of at most {_COMMAND_LIMIT} characters")
    return text


def glob(text: str) -> str:
    """Pattern of names in the zip."""
    if not text or len(text) > _TEXT_LIMIT or not text.isprintable() or "\\" in text:
        raise ValueError("expected a pattern of names in the zip such as `**/tests/**`, with `/` between folders")
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("expected a pattern of names in the zip, which never begin with `/` and never hold `..`")
    return text


def cache_path(text: str) -> str:
    """Folders of the build machine that CodeBuild keeps, as buildspecs write them (`cache.paths`)."""
    if not text.startswith("/") or len(text) > _TEXT_LIMIT or not text.isprintable() or ".." in text.split("/"):
        raise ValueError("expected a path on the build machine such as `/var/cache/npm/**/*`, without `..`")
    return text


def reason(text: str) -> str:
    """Why something is allowed; whoever reads the manifest next year should understand it."""
    if not text.strip() or len(text) > _TEXT_LIMIT or not text.isprintable():
        raise ValueError("expected the reason why it is allowed, on one line")
    return text


def module(text: str) -> str:
    """Dotted name that Python can import."""
    if not matches(MODULE_PATTERN, text):
        raise ValueError("expected the name of a Python module such as `lxml.etree`")
    return text


def distribution(text: str) -> str:
    """Name of a Python package, returned as indexes spell it (PyPA specification: name normalization)."""
    if not matches(DISTRIBUTION_PATTERN, text):
        raise ValueError("expected the name of a Python package such as `wrapt`")
    return re.sub(r"[-_.]+", "-", text).lower()


def system_package(text: str) -> str:
    """Name that a package manager knows; never one that it would read as an option."""
    if not matches(SYSTEM_PACKAGE_PATTERN, text):
        raise ValueError("expected the name of a system package such as `libcurl-devel`, not beginning with a dash")
    # `apt-get install NAME-` removes it.
    if text.endswith("-"):
        raise ValueError("expected the name of a system package; ending with a dash it would be removed")
    return text


def version(text: str) -> str:
    """Numbers with dots between them."""
    if not matches(VERSION_PATTERN, text):
        raise ValueError("expected a version such as `2.34`")
    return text


def library(text: str) -> str:
    """Soname of a shared library."""
    if not matches(LIBRARY_PATTERN, text):
        raise ValueError("expected the soname of a library such as `libz.so.1`")
    return text


def runtime(text: str) -> str:
    """Name of a Lambda runtime; whether it is one is decided by the table and `runtimes`."""
    if not matches(RUNTIME_PATTERN, text):
        raise ValueError("expected the name of a Lambda runtime such as `python3.13`")
    return text


def date(text: str) -> str:
    """Day of the calendar."""
    expected = "expected a day such as `2029-06-30`"
    if not matches(DATE_PATTERN, text):
        raise ValueError(expected)
    try:
        calendar_date.fromisoformat(text)
    except ValueError:
        raise ValueError(expected) from None
    return text
