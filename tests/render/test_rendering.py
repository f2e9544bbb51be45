"""What is rendered: values stay values, and the digest follows exactly what matters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from world import make

from orchestrator import resources
from orchestrator.packaging.inside.settings import parse_settings
from orchestrator.packaging.inspection.model import Allowance, Rule
from orchestrator.plan.model import AllowPlan, BuildPlan, Plan, RenderedRoot, Target
from orchestrator.render.buildspec import buildspec
from orchestrator.render.buildspec import settings as rendered_settings
from orchestrator.render.dotenv import dotenv, fits_gitlab
from orchestrator.render.terraform import terraform_root, with_editor
from orchestrator.render.text import plan_text
from orchestrator.vocabulary import Architecture, Kind, Source, StateBackend, Where

TEMPLATE = (resources.folder("buildspecs") / "python.yml.j2").read_text(encoding="utf-8")
BACKEND = (resources.folder("terraform") / "backend.tf.j2").read_text(encoding="utf-8")
MODULES = resources.terraform_files()
PLAN = make()

# Quotes, templates of Terraform, Jinja and the shell, line ends of every kind, and what YAML treats in its own way.
_PIECES = ["'", '"', "\\", "${x}", "%{ if x }", "{{ x }}", "{% x %}", "$(id)", "`id`", "\n", "\r", "\u2028", "\x85"]
_PIECES += [
    "\x7f",
    "\x00",
    "\x1b",
    "\ufeff",
    "😀",
    "é",
    ": ",
    " #",
    "- ",
    "~",
    "!!x/y",
    "&a",
    "*a",
    "<<",
    "\t",
    "=",
    ",",
]
HOSTILE = st.text() | st.lists(st.sampled_from(_PIECES)).map("".join)


def root(plan: Plan, modules: Mapping[str, str] = MODULES) -> RenderedRoot:
    """Return the rendered root of a plan, with the templates that travel with the package."""
    return terraform_root(plan, modules=modules, backend_template=BACKEND, buildspec_template=TEMPLATE)


def with_build(plan: Plan, **changes: Any) -> Plan:
    """Return the plan with changes of its one build."""
    return replace(plan, builds=(replace(plan.builds[0], **changes),))


def structure(value: Any) -> Any:
    """Return the keys and types of a document, without its texts."""
    if isinstance(value, dict):
        return {key: structure(item) for key, item in value.items()}
    return [structure(item) for item in value] if isinstance(value, list) else type(value)


def read(text: str) -> Any:
    """Read a buildspec as YAML, the settings in it as JSON."""
    document = yaml.safe_load(text)
    document["env"]["variables"]["ORCHESTRATOR_SETTINGS"] = json.loads(
        document["env"]["variables"]["ORCHESTRATOR_SETTINGS"]
    )
    return document


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(HOSTILE, HOSTILE, max_size=4), HOSTILE, HOSTILE)
def test_hostile_values_come_back_from_the_buildspec(environment: dict[str, str], source: str, prefix: str) -> None:
    """Whatever a value holds, it reaches the build exactly as it was written, and changes nothing around it."""
    plan = with_build(PLAN, environment=environment, source=source, requirements=source)
    plan = replace(plan, artifacts=replace(plan.artifacts, prefix=prefix))
    found = read(buildspec(plan, plan.builds[0], template=TEMPLATE))
    told = found["env"]["variables"]["ORCHESTRATOR_SETTINGS"]
    assert (told["environment"], told["source"], told["requirements"]) == (environment, source, source)
    assert told["prefix"] == prefix
    plain = read(buildspec(PLAN, PLAN.builds[0], template=TEMPLATE))
    assert found["phases"] == plain["phases"]
    for document in (found, plain):
        del document["env"]["variables"]["ORCHESTRATOR_SETTINGS"]
    assert structure(found) == structure(plain)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(HOSTILE, HOSTILE, max_size=4), HOSTILE, HOSTILE)
def test_hostile_values_come_back_from_the_terraform_variables(tags: dict[str, str], image: str, editor: str) -> None:
    """Tags, images and names reach Terraform exactly, as JSON; no other file of the root knows them."""
    rendered = with_editor(root(replace(with_build(PLAN, image=image), tags=tags), {}), editor)
    variables = json.loads(rendered.files["terraform.tfvars.json"])
    assert variables["tags"] == tags
    assert variables["builds"]["demo-parser"]["image"] == image
    assert rendered.files["backend.tf"] == root(PLAN, {}).files["backend.tf"]
    if editor:
        assert json.loads(rendered.files["editor.auto.tfvars.json"]) == {"editor": editor}


def test_equal_plans_give_equal_bytes() -> None:
    """The same plan, with its mappings in another order, gives the same files and the same digest."""
    one = with_build(replace(PLAN, tags={"a": "1", "b": "2"}), environment={"A": "1", "B": "2"})
    two = with_build(replace(PLAN, tags={"b": "2", "a": "1"}), environment={"B": "2", "A": "1"})
    assert root(one) == root(two)


def _build(**changes: Any) -> Plan:
    return with_build(PLAN, **changes)


BUILD: BuildPlan = PLAN.builds[0]
MATTERS = {
    "region": replace(PLAN, region="eu-west-1"),
    "project": replace(PLAN, project="other"),
    "tags": replace(PLAN, tags={"team": "a"}),
    "source": replace(PLAN, source=Source.CLONE),
    "tool": replace(PLAN, tool_sha256="b" * 64),
    "bucket": replace(PLAN, artifacts=replace(PLAN.artifacts, bucket="mine")),
    "managed": replace(PLAN, artifacts=replace(PLAN.artifacts, managed=not PLAN.artifacts.managed)),
    "prefix": replace(PLAN, artifacts=replace(PLAN.artifacts, prefix="p")),
    "retention": replace(PLAN, artifacts=replace(PLAN.artifacts, retention_days=31)),
    "gitlab url": replace(PLAN, gitlab=replace(PLAN.gitlab, url="https://elsewhere.example")),
    "gitlab project": replace(PLAN, gitlab=replace(PLAN.gitlab, project="8")),
    "trigger": replace(PLAN, gitlab=replace(PLAN.gitlab, trigger_parameter="/other")),
    "package": _build(package="other"),
    "architecture": _build(target=Target(Architecture.X86_64, BUILD.target.runtime)),
    "runtime": _build(target=Target(BUILD.target.architecture, "python3.13")),
    "folder": _build(source="src"),
    "requirements": _build(requirements="r.txt"),
    "environment": _build(environment={"A": "1"}),
    "row": _build(target=replace(BUILD.target, row={"deprecated": "2030-01-01"})),
    "system packages": _build(system_packages=("curl",)),
    "system packages of one manager": _build(system_packages={"dnf": ("curl",)}),
    "kind": _build(kind=Kind.LAYER),
    "commands": _build(commands=("make",)),
    "output": _build(output="dist"),
    "exclude": _build(exclude=("*/tests/*",)),
    "bytecode": _build(bytecode=True),
    "smoke": _build(smoke=("lxml",)),
    "allow": _build(allow=(AllowPlan("library", "*", "*", "unused"),)),
    "reason": _build(allow=(AllowPlan("library", "*", "*", "another"),)),
    "allow pure": _build(allow_pure=("wrapt",)),
    "where": _build(where=Where.AUTO),
    "wheels": _build(keep_wheels=False),
    "image": _build(image="other"),
    "compute": _build(compute_type="BUILD_GENERAL1_LARGE"),
    "timeout": _build(timeout_minutes=61),
    "queue": _build(queue_timeout_minutes=61),
    "limit": _build(concurrent_builds=2),
    "log": _build(log_retention_days=1),
    "second package": replace(PLAN, builds=(BUILD, replace(BUILD, package="b", codebuild_project="demo-b"))),
}


def test_every_setting_that_matters_has_its_own_digest() -> None:
    """A change of anything that is applied or built changes the digest, each to another one."""
    digests = [root(plan).settings_digest for plan in (PLAN, *MATTERS.values())]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ("python3.13", {"python": "3.13"}),
        ("nodejs22.x", {"nodejs": "22"}),
        ("provided.al2023", None),
    ],
)
def test_codebuild_provides_the_language_that_it_knows(runtime: str, expected: dict[str, str] | None) -> None:
    """A runtime that CodeBuild's images have is asked for; one of no language asks for nothing, in valid YAML."""
    plan = _build(target=Target(BUILD.target.architecture, runtime))
    found = read(buildspec(plan, plan.builds[0], template=TEMPLATE))
    assert found["phases"]["install"].get("runtime-versions") == expected


FULL = """
project: demo
region: eu-central-1
runtimes: {python3.15: {system: Amazon Linux 2023, python: "3.15", deprecated: 2031-06-30}}
packages:
  parser:
    runtime: python3.15
    system_packages: {dnf: [libcurl-devel], apt-get: [libcurl4-openssl-dev]}
    exclude: ["*/tests/*"]
    bytecode: true
    smoke: [pycurl]
    allow: [{rule: library, subject: libGL.so.1, reason: never called}]
    allow_pure: [Wr_apt]
    build: {keep_wheels: false, where: auto}
"""


def test_the_build_reads_what_was_rendered() -> None:
    """Every key of a package arrives in the settings of the build, as the build understands it."""
    plan = make(FULL)
    told = parse_settings(json.dumps(rendered_settings(plan, plan.builds[0])))
    assert (told.target.python_version, told.target.runtime.deprecated) == ("3.15", date(2031, 6, 30))
    assert told.system_packages == {"dnf": ("libcurl-devel",), "apt-get": ("libcurl4-openssl-dev",)}
    assert told.exclude == ("*/tests/*",)
    assert (told.bytecode, told.smoke, told.keep_wheels, told.where) == (True, ("pycurl",), False, "auto")
    assert told.allow == (Allowance(Rule.LIBRARY, "never called", "*", "libGL.so.1"),)
    assert told.allow_pure == ("wr-apt",)


def test_own_commands_arrive_as_they_were_written() -> None:
    """The commands of a custom package, several lines of one included, and where they leave their files."""
    commands = "    commands:\n      - |\n        set -x\n        make all\n      - 'echo \"a: b\" > dist/x'\n"
    plan = make(
        "project: demo\nregion: eu-central-1\npackages:\n  parser:\n    kind: custom\n"
        f"    runtime: provided.al2023\n    source: src\n    output: dist\n{commands}"
    )
    told = parse_settings(json.dumps(rendered_settings(plan, plan.builds[0])))
    assert told.commands == ("set -x\nmake all\n", 'echo "a: b" > dist/x')
    assert (told.source, told.output, told.requirements) == ("src", "src/dist", None)


def test_defaults_take_no_room() -> None:
    """What nobody has asked for is not in the settings, which AWS shows with every build."""
    assert len(json.dumps(rendered_settings(PLAN, BUILD))) < 500


def test_a_changed_module_changes_the_digest() -> None:
    """A new version of the Terraform modules is applied, even when the configuration is the same."""
    assert root(PLAN).settings_digest != root(PLAN, {**MODULES, "main.tf": MODULES["main.tf"] + "\n"}).settings_digest


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, state=replace(PLAN.state, backend=StateBackend.S3)),
        replace(PLAN, state=replace(PLAN.state, settings={"path": "elsewhere"})),
        replace(PLAN, state=replace(PLAN.state, lock_timeout_seconds=1)),
    ],
    ids=["backend", "settings", "patience"],
)
def test_where_the_state_lies_does_not_matter(plan: Plan) -> None:
    """A laptop and a pipeline that keep the state differently agree about what is applied."""
    assert root(plan).settings_digest == root(PLAN).settings_digest


def test_who_asks_does_not_matter() -> None:
    """Another person's pipeline with the same settings runs no Terraform."""
    assert with_editor(root(PLAN), "somebody").settings_digest == root(PLAN).settings_digest


@pytest.mark.parametrize(
    ("count", "length", "fits"), [(1, 10, True), (50, 10, True), (51, 10, False), (40, 200, False)]
)
def test_reports_that_gitlab_would_refuse_are_known(count: int, length: int, fits: bool) -> None:
    """GitLab takes 50 variables and 5 KB on its smallest tier; beyond that it fails the job."""
    assert fits_gitlab(dotenv({f"V{number}": "x" * length for number in range(count)})) is fits


@pytest.mark.parametrize(
    "variables", [{"A": "x\nB=y"}, {"A": "x\r"}, {"A=B": "x"}, {"": "x"}, {"1A": "x"}, {"A\n": ""}]
)
def test_no_variable_smuggles_another(variables: dict[str, str]) -> None:
    """A value or name that would become a second variable is not written."""
    with pytest.raises(ValueError, match="dotenv"):
        dotenv(variables)


EVENT = "project: demo\nregion: eu-central-1\nreturn: event\nsource: clone\npackages: {parser: {}}\n"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:builds"


def test_a_build_whose_end_an_event_tells_has_no_way_to_gitlab() -> None:
    """With `return: event` neither buildspec, settings nor role of a build know of the trigger token."""
    plan = make(EVENT, {"CI_PROJECT_ID": "7", "CI_PROJECT_URL": "https://gitlab.com/a/b"})
    document = read(buildspec(plan, plan.builds[0], template=TEMPLATE))
    told = document["env"]["variables"]["ORCHESTRATOR_SETTINGS"]
    assert parse_settings(json.dumps(told)).trigger is None
    assert not [phase for phase in document["phases"].values() if "finally" in phase]
    assert not [line for phase in document["phases"].values() for line in phase["commands"] if " trigger" in line]
    variables = json.loads(root(plan).files["terraform.tfvars.json"])
    assert variables["builds"]["demo-parser"]["parameters"] == ["/gitlab/username", "/gitlab/pat"]


def test_a_build_that_a_job_waits_for_needs_no_token() -> None:
    """With `return: wait` no buildspec, role or parameter knows of a trigger token, and there is no function."""
    plan = make(EVENT.replace("event", "wait"), {"CI_PROJECT_ID": "7", "CI_PROJECT_URL": "https://gitlab.com/a/b"})
    assert plan.parameters == plan.build_parameters == ["/gitlab/username", "/gitlab/pat"]
    assert "trigger" not in json.dumps(root(plan).files["terraform.tfvars.json"])
    assert json.loads(root(plan).files["terraform.tfvars.json"])["handback"] is None
    assert "wait, in the pipeline that has started the build" in plan_text(plan, "0" * 64)


def test_the_function_is_told_to_terraform() -> None:
    """What `handback` says reaches Terraform with the digest of the code, which the settings digest covers."""
    text = f"{EVENT}handback: {{inputs: no, alarm_topic_arn: '{TOPIC}', reserved_concurrency: 2}}\n"
    plan = make(text, {"CI_PROJECT_ID": "7", "CI_PROJECT_URL": "https://gitlab.com/a/b"})
    assert json.loads(root(plan).files["terraform.tfvars.json"])["handback"] == {
        "alarm_topic_arn": TOPIC,
        "code": {"file": "handback.zip", "sha256": "b" * 64},
        "gitlab": {
            "api_url": "https://gitlab.com/api/v4",
            "inputs": False,
            "project": "7",
            "token_parameter": "/gitlab/trigger/demo",
        },
        "kms_key_arns": {"log": None, "token": None},
        "log_retention_days": 30,
        "reserved_concurrency": 2,
    }
    assert json.loads(root(PLAN).files["terraform.tfvars.json"])["handback"] is None
    assert plan.handback is not None
    other = replace(plan, handback=replace(plan.handback, code_sha256="c" * 64))
    assert root(other).settings_digest != root(plan).settings_digest
