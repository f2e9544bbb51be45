"""`advise`: which of a plan's packages a hosted runner would build as well, and what still speaks for CodeBuild."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.findings import Finding, Weight
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.vocabulary import Architecture, Kind, Where


@dataclass(frozen=True)
class Alternative:
    """Something simpler: its rule as a sentence, where that is from, what to do, and what it says of a plan."""

    name: str
    text: str
    source: str
    instead: str
    seen: Callable[[Plan], Iterator[tuple[str, str]]]


def advise(plan: Plan) -> list[Finding]:
    """Return what would be simpler, in the order of the table; nothing where this product is the simple way."""
    return [
        Finding(one.name, Weight.ADVICE, subject, what, one.text, one.instead)
        for one in ALTERNATIVES
        for subject, what in one.seen(plan)
    ]


def reasons_to_stay(plan: Plan) -> list[str]:
    """Return what in a plan the alternatives do not give: a sentence each."""
    given = {
        "a network of your own": any(build.vpc for build in plan.builds),
        "reserved machines": any(build.fleet for build in plan.builds),
        "machines larger than large": any(build.compute_type.endswith("XLARGE") for build in plan.builds),
        "an account that the job cannot reach, with a role for each": bool(plan.permissions_boundary),
    }
    return [f"CodeBuild gives these builds {what}" for what, wanted in given.items() if wanted]


def _nothing_to_compile(plan: Plan) -> Iterator[tuple[str, str]]:
    for build in plan.builds:
        if build.where is Where.CODEBUILD and _pure(build):
            what = "nothing is named that has to be compiled: no system packages, no commands, no requirements"
            yield f"packages.{build.package}", what


def _pure(build: BuildPlan) -> bool:
    return build.kind is not Kind.CUSTOM and not build.requirements and not build.system_packages


def _perhaps_wheels(plan: Plan) -> Iterator[tuple[str, str]]:
    for build in plan.builds:
        if build.where is Where.CODEBUILD and build.requirements and not build.system_packages:
            yield (
                f"packages.{build.package}",
                "no system packages are asked for, so there may be a wheel for everything",
            )


def _x86_only(plan: Plan) -> Iterator[tuple[str, str]]:
    if all(build.target.architecture is Architecture.X86_64 for build in plan.builds) and not _bound_to_aws(plan):
        yield "packages", "every package is for x86_64"


def _hosted_arm(plan: Plan) -> Iterator[tuple[str, str]]:
    arm = any(build.target.architecture is Architecture.ARM64 for build in plan.builds)
    if arm and urlsplit(plan.gitlab.url).hostname == "gitlab.com" and not _bound_to_aws(plan):
        yield "gitlab.url", "this project is on GitLab.com, and no build needs a network or machines of your own"


def _runner_in_codebuild(plan: Plan) -> Iterator[tuple[str, str]]:
    if any(build.privileged or build.cache for build in plan.builds):
        yield "build", "Docker or a cache is asked for, which jobs of GitLab have with services and caches of their own"


def _bound_to_aws(plan: Plan) -> bool:
    return bool(reasons_to_stay(plan))


ALTERNATIVES = (
    Alternative(
        "made-in-the-job",
        "A package without machine code of its own is the same wherever it is made.",
        "docs/dependencies.md",
        "write `build: {where: auto}`: the job makes it, with no minute of CodeBuild",
        _nothing_to_compile,
    ),
    Alternative(
        "wheels-first",
        "With `where: auto` CodeBuild is used only when something has to be compiled.",
        "docs/dependencies.md",
        "`orchestrator package plan` says whether anything has; if not, write `build: {where: auto}`",
        _perhaps_wheels,
    ),
    Alternative(
        "x86-runner",
        "Any runner on x86_64 compiles for x86_64, in an image of the Lambda runtime.",
        "AWS SAM build images: public.ecr.aws/sam/build-python3.12",
        "a job with `image: public.ecr.aws/sam/build-python3.12` and `orchestrator package build` needs no AWS at all",
        _x86_only,
    ),
    Alternative(
        "hosted-arm-runner",
        "GitLab.com has hosted runners for ARM: small ones on every tier, larger ones on Premium and Ultimate.",
        "GitLab docs: ci/runners/hosted_runners/linux; GitLab issue 501423",
        "a job with `tags: [saas-linux-small-arm64]` and `orchestrator package build` builds on ARM without CodeBuild",
        _hosted_arm,
    ),
    Alternative(
        "codebuild-runner",
        "CodeBuild can run jobs of GitLab themselves, with the log, the artifacts and the services of a job.",
        "CodeBuild user guide: gitlab-runner",
        "look at the CodeBuild-hosted GitLab runner: a tag on the job and a webhook in AWS, and no stage of its own",
        _runner_in_codebuild,
    ),
)
