"""The rules between the image of a build and the Lambda runtime, and what AWS has announced about runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from orchestrator.config import images
from orchestrator.config.check import Broken, Rule, Subject
from orchestrator.findings import Weight
from orchestrator.packaging.runtimes import Version, checked_on

# How long before the day somebody should know.
_SOON = timedelta(days=90)


def _python(subject: Subject) -> Iterator[Broken]:
    has, needs = subject.image.pythons, subject.runtime.python
    if has and needs and needs not in has:
        what = f"`{subject.build.image}` has Python {', '.join(has)}, the runtime is {subject.runtime.name}"
        yield Broken("build.image", what, f"use an image with Python {needs}")


def _compiled(subject: Subject) -> Iterator[Broken]:
    # Who asks for system packages compiles with them.
    if subject.package.system_packages:
        yield from _glibc(subject)


def _perhaps_compiled(subject: Subject) -> Iterator[Broken]:
    if not subject.package.system_packages:
        yield from _glibc(subject)


def _glibc(subject: Subject) -> Iterator[Broken]:
    has, gets = subject.runtime.glibc, subject.image.glibc
    if gets is None or gets <= has:
        return
    what = (
        f"`{subject.build.image}` has glibc {_shown(gets)}, {subject.runtime.name} on {subject.runtime.system} "
        f"has {_shown(has)}"
    )
    yield Broken("build.image", what, _older(subject))


def _older(subject: Subject) -> str:
    """Return where this package can be compiled so that its runtime can load it."""
    if subject.runtime.python is None:
        return f"use an image with {subject.runtime.system}"
    places = [f"`build.image: public.ecr.aws/sam/build-{subject.runtime.name}:latest-{subject.architecture}`"]
    if images.lambda_image_of(subject.runtime.name) and not subject.package.system_packages:
        places.append("`build.machine: lambda`")
    if subject.runtime.system == "Amazon Linux 2":
        places.append("`runtime: python3.12` or newer")
    return f"write {', or '.join(places)}"


def _shown(version: Version) -> str:
    return ".".join(map(str, version))


def _soon(subject: Subject) -> Iterator[Broken]:
    day = subject.runtime.deprecated
    if day and subject.today < day <= subject.today + _SOON:
        yield _ended(subject, "is deprecated from", day)


def _deprecated(subject: Subject) -> Iterator[Broken]:
    day = subject.runtime.deprecated
    if day and day <= subject.today:
        yield _ended(subject, "is deprecated since", day)


def _no_create(subject: Subject) -> Iterator[Broken]:
    day = subject.runtime.block_create
    if day and day <= subject.today:
        yield _ended(subject, "cannot be chosen for new functions since", day)


def _no_update(subject: Subject) -> Iterator[Broken]:
    day = subject.runtime.block_update
    if day and day <= subject.today:
        yield _ended(subject, "cannot be updated since", day)


def _ended(subject: Subject, what: str, day: date) -> Broken:
    told = "your `runtimes:`" if subject.own_row else f"the table of {checked_on().isoformat()}"
    fix = "change `runtime`, or correct the dates under `runtimes:`"
    return Broken("runtime", f"Lambda's `{subject.runtime.name}` {what} {day.isoformat()} (says {told})", fix)


_E, _W = Weight.ERROR, Weight.WARNING
_GLIBC = (
    "Machine code needs the C library that it was compiled with, or a newer one; with an older one it is not loaded."
)
_DATES = "Lambda docs: lambda-runtimes (deprecation policy)"
RUNTIME_RULES = (
    Rule(
        "image-python",
        _E,
        "A package is compiled by the Python that will load it.",
        "aws-codebuild-docker-images: README",
        _python,
    ),
    Rule("image-glibc-compiled", _E, _GLIBC, "Amazon Linux docs: core glibc", _compiled),
    Rule(
        "image-glibc",
        _W,
        f"{_GLIBC} Downloaded wheels are not affected.",
        "Amazon Linux docs: core glibc",
        _perhaps_compiled,
    ),
    Rule("runtime-ending", _W, "A deprecated runtime gets no security updates.", _DATES, _soon),
    Rule("runtime-deprecated", _W, "A deprecated runtime gets no security updates.", _DATES, _deprecated),
    Rule("runtime-no-create", _W, "Functions that are there go on; no new one can be made.", _DATES, _no_create),
    Rule("runtime-no-update", _E, "No function can take this package any more.", _DATES, _no_update),
)
