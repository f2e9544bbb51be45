"""`orchestrator.yml` as a kind of file."""

from __future__ import annotations

from orchestrator.config.completion import complete
from orchestrator.config.contradictions import contradictions, misplaced
from orchestrator.config.format import Format
from orchestrator.config.model import Configuration
from orchestrator.config.package_model import UNION_TAGS
from orchestrator.config.problem import Path
from orchestrator.config.schema import Schema
from orchestrator.packaging.inspection.model import Rule

EXAMPLE = """\
project: lxml-function
region: eu-central-1
packages:
  parser:
    architecture: arm64
"""

SCHEMA = Schema(
    model=Configuration,
    name="orchestrator.yml",
    identifier="urn:orchestrator:configuration:1",
    description="Packages for AWS Lambda that are built by CodeBuild.",
    example={
        "project": "lxml-function",
        "region": "eu-central-1",
        "packages": {"parser": {"architecture": "arm64"}},
    },
    required={"Configuration": ["packages"], "Allow": ["rule", "reason"]},
)


def _in_environment(path: Path) -> bool:
    return path[:1] == ("packages",) and path[2:3] == ("environment",)


CONFIGURATION = Format(
    model=Configuration,
    schema=SCHEMA,
    example=EXAMPLE,
    whole="five lines are a complete file",
    absent="go to the folder that has it, or name it with `--config`; `orchestrator init` writes a new one",
    empty="expected `packages:` and names of packages below it",
    hint="correct these lines; `orchestrator schema` prints every key with its meaning",
    complete=complete,
    misplaced=misplaced,
    contradictions=contradictions,
    missing={
        ("packages",): "missing, expected the names of the packages",
        ("region",): "missing, expected a region such as `eu-central-1`; or set AWS_REGION",
        ("project",): "missing, expected a name such as `lxml-function`; or set CI_PROJECT_PATH_SLUG",
        (
            "clone",
            "url",
        ): "missing, expected the address for `source: clone`; or write `gitlab.project` as a path, "
        "or run in GitLab CI, which sets CI_PROJECT_URL",
    },
    missing_in_list={
        ("allow", "reason"): "missing, expected why this finding does no harm",
        ("allow", "rule"): f"missing, expected the rule that may be broken: {', '.join(rule.value for rule in Rule)}",
    },
    union_tags=frozenset(UNION_TAGS),
    is_private=_in_environment,
    # `runtimes` may add to those that are known.
    has_examples_only=lambda path: path[2:] == ("runtime",),
)
