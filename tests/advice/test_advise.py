"""Guarantees about `orchestrator advise`: it says when something else is simpler, and is silent when nothing is."""

from __future__ import annotations

import pytest
from world import make

from orchestrator.advice.advise import ALTERNATIVES, advise, reasons_to_stay
from orchestrator.findings import Weight, exit_code

HEAD = "project: demo\nregion: eu-central-1\ngitlab: {url: 'https://git.example.com', project: 7}\n"
NATIVE = "system_packages: [libcurl-devel], kind: custom, commands: [make], output: dist"
VPC = "vpc: {id: vpc-0a1b2c3d, subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (HEAD + "packages: {parser: {}}\n", ["made-in-the-job"]),
        (HEAD + "packages: {parser: {requirements: null, build: {where: auto}}}\n", []),
        (HEAD + "packages: {parser: {" + NATIVE + "}}\n", []),
        (HEAD + "packages: {parser: {architecture: x86_64, " + NATIVE + "}}\n", ["x86-runner"]),
        (HEAD + "packages: {parser: {architecture: x86_64, " + NATIVE + ", build: {" + VPC + "}}}\n", []),
        (
            HEAD.replace("git.example.com", "gitlab.com") + "packages: {parser: {" + NATIVE + "}}\n",
            ["hosted-arm-runner"],
        ),
        (HEAD + "packages: {parser: {" + NATIVE + ", build: {privileged: true}}}\n", ["codebuild-runner"]),
    ],
)
def test_advice_fits_the_plan(text: str, advice: list[str]) -> None:
    """Each alternative is named where it would do, and never as a failure."""
    found = advise(make(text))
    assert [one.rule for one in found] == advice
    assert {one.weight for one in found} <= {Weight.ADVICE}
    assert exit_code(found) == 0


def test_a_package_that_may_have_wheels_for_everything_is_told_how_to_find_out() -> None:
    """Who only names requirements is led to the command that knows."""
    from orchestrator.config.load import parse
    from orchestrator.plan.make import make_plan

    text = HEAD + "packages: {parser: {requirements: requirements.txt}}\n"
    plan = make_plan(
        parse(text, "orchestrator.yml", {}),
        base=".",
        read=lambda _: b"lxml\n",
        tool_sha256="a" * 64,
        handback_sha256="b" * 64,
    )
    (found,) = advise(plan)
    assert found.rule == "wheels-first"
    assert "orchestrator package plan" in found.fix


def test_what_only_codebuild_gives_is_said() -> None:
    """A network of one's own keeps the advice for a hosted runner away, and is named."""
    plan = make(HEAD + "packages: {parser: {" + NATIVE + ", build: {compute: 2xlarge, " + VPC + "}}}\n")
    assert len(reasons_to_stay(plan)) == 2
    assert reasons_to_stay(make(HEAD + "packages: {parser: {}}\n")) == []


def test_every_alternative_has_a_source() -> None:
    """No advice is given without saying where its rule is from."""
    assert all(one.source and one.text and one.instead for one in ALTERNATIVES)
