"""Guarantees about what `orchestrator check` finds, and that it finds nothing where nothing is wrong."""

from __future__ import annotations

from datetime import date

import pytest

from orchestrator.config import parse
from orchestrator.config.check import check
from orchestrator.config.rules import RULES
from orchestrator.errors import ConfigurationError
from orchestrator.findings import Finding, Weight, exit_code
from orchestrator.stages.fitness import require_fit

TODAY = date(2026, 11, 22)
ARM = "aws/codebuild/amazonlinux-aarch64"
FLEET = "arn:aws:codebuild:eu-west-1:123456789012:fleet/big:0f1e"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hub"
VPC = "vpc: {id: vpc-0a1b2c3d, subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}"
PATHS = "paths: [/var/cache/npm/**/*]"


def findings(build: str = "", package: str = "", *, region: str = "eu-central-1", today: date = TODAY) -> list[Finding]:
    """Return what is found in one package with these keys and these keys of `build`."""
    keys = ", ".join(filter(None, ["source: src", package, f"build: {{{build}}}" if build else ""]))
    text = f"project: demo\nregion: {region}\npackages:\n  parser: {{{keys}}}\n"
    return check(parse(text, "orchestrator.yml", {}), RULES, today)


# Each row breaks exactly this rule, and with the change behind it none.
BROKEN = [
    ("compute-size", "machine: lambda, compute: small", "", "machine: lambda, compute: 4GB", ""),
    ("compute-size", "compute: 2GB", "", "compute: medium", ""),
    ("image-machine", f"image: {ARM}-lambda-standard:python3.12", "", "", ""),
    ("image-machine", f"machine: lambda, image: {ARM}-standard:3.0", "", "machine: lambda", ""),
    ("lambda-own-image", "machine: lambda, image: registry.example.com/a:1", "",
     "machine: lambda, image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1", ""),
    ("lambda-runtime", f"machine: lambda, image: {ARM}-lambda-standard:python3.12", "runtime: python3.13",
     "machine: lambda", "runtime: python3.13"),
    ("lambda-runtime", "machine: lambda", "runtime: python3.14", "", "runtime: python3.14"),
    ("lambda-privileged", "machine: lambda, privileged: true", "", "machine: lambda, privileged: false", ""),
    ("lambda-vpc", f"machine: lambda, {VPC}", "", VPC, ""),
    ("lambda-cache", f"machine: lambda, cache: {{kind: s3, {PATHS}}}", "", "machine: lambda", ""),
    ("lambda-fleet", f"machine: lambda, fleet: {FLEET.replace('west', 'central')}", "", "machine: lambda", ""),
    ("lambda-root", "machine: lambda", "system_packages: [gcc]", "", "system_packages: [gcc]"),
    ("lambda-time", "machine: lambda, timeout_minutes: 5", "", "machine: lambda", ""),
    ("fleet-network", f"fleet: {FLEET.replace('west', 'central')}, {VPC}", "", VPC, ""),
    ("fleet-region", f"fleet: {FLEET}", "", f"fleet: {FLEET.replace('west', 'central')}", ""),
    ("cache-vpc", f"{VPC}, cache: {{kind: local, {PATHS}}}", "", VPC, ""),
    ("cache-largest", f"compute: 2xlarge, cache: {{kind: local, {PATHS}}}", "", "compute: 2xlarge", ""),
    ("cache-docker", f"cache: {{kind: local, docker_layers: true, {PATHS}}}", "", "", ""),
    ("cache-empty", "cache: {kind: s3}", "", "", ""),
    ("cache-trust", f"cache: {{kind: s3, {PATHS}}}", "", "", ""),
    ("privileged", "privileged: true", "", "", ""),
    ("image-unmaintained", f"image: {ARM}-standard:2.0", "", f"image: {ARM}-standard:4.0", ""),
    ("credential-needless", f"image: {ARM}-standard:3.0, registry_credential: {SECRET}", "",
     f"image: registry.example.com/a:1, registry_credential: {SECRET}", ""),
    ("image-python", "image: public.ecr.aws/sam/build-python3.12:latest-arm64", "runtime: python3.13",
     "image: public.ecr.aws/sam/build-python3.13:latest-arm64", "runtime: python3.13"),
    ("image-glibc", "", "runtime: python3.11",
     "image: public.ecr.aws/sam/build-python3.11:latest-arm64", "runtime: python3.11"),
    ("image-glibc", "", "runtime: python3.11", "machine: lambda", "runtime: python3.11"),
    ("image-glibc-compiled", "", "runtime: python3.11, system_packages: [libcurl-devel]",
     "image: public.ecr.aws/lambda/python:3.11-arm64", "runtime: python3.11, system_packages: [libcurl-devel]"),
    ("image-glibc", "image: aws/codebuild/standard:7.0", "architecture: x86_64", "", "architecture: x86_64"),
]  # fmt: skip
# What every cache is told, and every image whose system is newer than the runtime's.
BESIDE = {"cache-trust", "image-glibc"}


@pytest.mark.parametrize(("rule", "build", "package", "mended_build", "mended_package"), BROKEN)
def test_each_rule_is_found_where_it_is_broken(
    rule: str, build: str, package: str, mended_build: str, mended_package: str
) -> None:
    """A combination that cannot work is named with its key and a way out; the way out is not found fault with."""
    found = [one for one in findings(build, package) if one.rule not in BESIDE - {rule}]
    assert [one.rule for one in found if one.rule != "privileged" or rule == "privileged"] == [rule]
    assert found[0].subject.startswith("packages.parser.")
    assert all((found[0].what, found[0].why, found[0].fix))
    assert rule not in [one.rule for one in findings(mended_build, mended_package)]


@pytest.mark.parametrize(
    ("rule", "build", "region"),
    [("arm-region", "", "eu-west-3"), ("lambda-region", "machine: lambda", "eu-west-3")],
)
def test_regions_that_no_document_lists_are_told(rule: str, build: str, region: str) -> None:
    """Where AWS says nothing about a region the finding is a warning: it may work."""
    assert [(one.rule, one.weight) for one in findings(build, region=region)] == [(rule, Weight.WARNING)]
    assert findings(build) == []


@pytest.mark.parametrize(
    ("day", "rules"),
    [
        ("2026-08-01", []),
        ("2026-08-02", ["runtime-ending"]),
        ("2026-10-31", ["runtime-deprecated"]),
        ("2027-02-01", ["runtime-deprecated", "runtime-no-create"]),
        ("2027-03-03", ["runtime-deprecated", "runtime-no-create", "runtime-no-update"]),
    ],
)
def test_the_end_of_a_runtime_is_told_in_time(day: str, rules: list[str]) -> None:
    """It is told ninety days before AWS deprecates a runtime, and is an error when no function can take the package."""
    found = [
        one for one in findings(package="runtime: python3.10", today=date.fromisoformat(day)) if "runtime" in one.rule
    ]
    assert [one.rule for one in found] == rules
    assert exit_code(found) == (2 if "runtime-no-update" in rules else 0)


def test_a_corrected_date_is_believed() -> None:
    """Whoever knows a newer date than the table writes it under `runtimes:`."""
    text = "project: demo\nregion: eu-central-1\npackages: {parser: {runtime: python3.10}}\n"
    dates = "{deprecated: 2030-01-01, block_create: 2030-01-01, block_update: 2030-01-01}"
    late = date(2028, 1, 1)
    assert exit_code(check(parse(text, "orchestrator.yml", {}), RULES, late)) == 2
    corrected = check(parse(f"{text}runtimes: {{python3.10: {dates}}}\n", "orchestrator.yml", {}), RULES, late)
    assert not [one for one in corrected if "runtime" in one.rule]


def test_every_rule_is_provoked_here() -> None:
    """No rule is without a configuration that breaks it."""
    shown = {row[0] for row in BROKEN} | {"arm-region", "lambda-region"}
    shown |= {"runtime-ending", "runtime-deprecated", "runtime-no-create", "runtime-no-update"}
    assert [rule.name for rule in RULES if rule.name not in shown] == []
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_the_defaults_of_every_runtime_are_sound() -> None:
    """What somebody gets who names only a runtime that is alive has no finding."""
    for runtime in ("python3.12", "python3.13", "python3.14"):
        for architecture in ("arm64", "x86_64"):
            assert findings(package=f"runtime: {runtime}, architecture: {architecture}") == []


def test_prebuild_stops_at_errors_and_tells_warnings() -> None:
    """Errors end the stage before anything is applied, all at once and with the rule; warnings are only told."""
    told: list[str] = []
    require_fit(findings("privileged: true"), told.append)
    assert len(told) == 1
    assert "privileged" in told[0]
    with pytest.raises(ConfigurationError) as caught:
        require_fit(findings("machine: lambda, compute: small, privileged: true"), told.append)
    assert "1GB to 10GB" in caught.value.detail
    assert "cannot run Docker" in caught.value.detail
