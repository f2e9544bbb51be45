"""Guarantees about `platform.yml`: what three lines mean, and how mistakes are told."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from orchestrator.config.load import parse_file
from orchestrator.config.platform_file import PLATFORM, SCHEMA
from orchestrator.config.platform_model import Platform
from orchestrator.errors import ConfigurationError
from orchestrator.plan.platform import Account, plan_platform

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA.document)
FULL = """\
version: 1
region: eu-central-1
gitlab: {url: "http://127.0.0.1:8080", issuer: "https://gitlab.example.com", audience: aws}
projects:
  shop/thumbnails:
    name: shop
    return: event
    parameters: [/gitlab/trigger/shop, /gitlab/pat]
    builds: [shop-parser]
    deploy:
      functions: [thumbs-*, layer]
      boundary: arn:aws:iam::123456789012:policy/functions
      policies: [arn:aws:iam::123456789012:policy/queues]
      refs: {branches: [], tags: [v*]}
    reach:
      cache: true
      network: {subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}
      image_repositories: ["arn:aws:ecr:eu-central-1:123456789012:repository/team/builder"]
      registry_credentials: ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:hub"]
    refs:
      apply: {branches: [], tags: [v*]}
      start: {branches: [main, release/*]}
  shop/feed: {}
artifacts: {bucket: packages, retention_days: 7}
state: {bucket: states, retention_days: 8, use_lockfile: false, lock_timeout_seconds: 9}
permissions_boundary: arn:aws:iam::123456789012:policy/everybody
tags: {team: platform}
"""


def parse(text: str, **environment: str) -> Platform:
    """Read a `platform.yml`."""
    return parse_file(text, "platform.yml", environment, PLATFORM)


def test_three_lines_are_a_platform() -> None:
    """Names, buckets, refs and parameters that nobody writes follow from paths, account and region."""
    plan = plan_platform(parse(PLATFORM.example), Account("123456789012", "aws-cn"))
    assert (plan.bucket, plan.state_bucket) == (
        "orchestrator-packages-123456789012-eu-central-1",
        "orchestrator-states-123456789012-eu-central-1",
    )
    assert plan.provider_arn == "arn:aws-cn:iam::123456789012:oidc-provider/gitlab.com"
    assert (plan.gitlab_url, plan.audience) == ("https://gitlab.com", "https://gitlab.com")
    main = [{"name": "main", "type": "branch"}]
    assert plan.projects == {
        "shop-thumbnails": {
            "builds": None,
            "deploy": None,
            "gitlab_project": "shop/thumbnails",
            "handback": False,
            "parameters": ["/gitlab/trigger/shop-thumbnails"],
            "reach": {
                "cache": False,
                "image_repository_arns": [],
                "network": None,
                "registry_credential_arns": [],
            },
            "refs": {"apply": main, "start": main},
        }
    }


def test_everything_can_be_said() -> None:
    """Each key reaches the plan as it was written."""
    plan = plan_platform(parse(FULL), Account("1", "aws"))
    assert plan.projects["shop"] == {
        "builds": ["shop-parser"],
        "deploy": {
            "boundary_arn": "arn:aws:iam::123456789012:policy/functions",
            "functions": ["layer", "thumbs-*"],
            "policy_arns": ["arn:aws:iam::123456789012:policy/queues"],
            "refs": [{"name": "v*", "type": "tag"}],
        },
        "gitlab_project": "shop/thumbnails",
        "handback": True,
        "parameters": ["/gitlab/pat", "/gitlab/trigger/shop"],
        "reach": {
            "cache": True,
            "image_repository_arns": ["arn:aws:ecr:eu-central-1:123456789012:repository/team/builder"],
            "network": {"security_groups": ["sg-0a1b2c3d"], "subnets": ["subnet-0a1b2c3d"]},
            "registry_credential_arns": ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:hub"],
        },
        "refs": {
            "apply": [{"name": "v*", "type": "tag"}],
            "start": [{"name": "main", "type": "branch"}, {"name": "release/*", "type": "branch"}],
        },
    }
    assert plan.provider_arn.endswith(":oidc-provider/gitlab.example.com")
    assert (plan.bucket, plan.retention_days, plan.state_bucket, plan.state_retention_days) == (
        "packages", 7, "states", 8,
    )  # fmt: skip
    assert plan.state.settings["use_lockfile"] is False
    assert parse(FULL.replace("region: eu-central-1\n", ""), AWS_REGION="us-east-1").region == "us-east-1"


@pytest.mark.parametrize("text", [PLATFORM.example, FULL])
def test_what_we_accept_an_editor_accepts(text: str) -> None:
    """A file that loads has no warnings in an editor that uses the schema."""
    parse(text)
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


REGION = "region: eu-central-1\n"
PROJECTS = f"{REGION}projects:\n"
NONE = f"{REGION}projects: {{}}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: the file is empty, expected `projects:` and paths of GitLab projects below it"),
        (REGION, "1: projects: missing, expected the paths of GitLab projects; `{}` for none yet"),
        ("projects: {}\n", "1: region: missing, expected a region such as `eu-central-1`; or set AWS_REGION"),
        (PROJECTS + "  shop: {}\n", "3: projects.shop: expected the full path of a GitLab project"),
        (PROJECTS + "  a/*: {}\n", "3: projects.a/*: expected the full path of a GitLab project"),
        (PROJECTS + "  a/b:\n", "3: projects.a/b: expected a block of `key: value` lines, found nothing; `{}` takes"),
        (PROJECTS + "  a/b: {nmae: c}\n", "3: projects.a/b.nmae: unknown key, did you mean `name`?"),
        (PROJECTS + "  a/b: {branches: [x]}\n", "unknown key here, it belongs to `projects.<name>.refs.apply.b"),
        (PROJECTS + "  a/b: {return: push}\n", "3: projects.a/b.return: expected `trigger`, `event` or `wait`, found"),
        (PROJECTS + "  a/b: {refs: {start: {branches: []}}}\n", "3: projects.a/b.refs.start: no job could take this"),
        (PROJECTS + "  a/b: {refs: {start: {branches: ['${x}']}}}\n", "branches.0: expected the name of a branch"),
        (PROJECTS + "  a/b: {}\n  a.b: {}\n  A/b: {}\n", "5: projects.A/b: has the name `a-b` like `a/b`; give one"),
        (PROJECTS + "  a/b: {}\n  a/b-c: {}\n", "3: projects.a/b: its name `a-b` begins that of `a-b-c`, whose builds"),
        (PROJECTS + "  a/b: {builds: [x-y], deploy: {}}\n  a/b-c: {}\n", "3: projects.a/b.deploy: the project's name"),
        (PROJECTS + "  a/b: {deploy: {refs: {branches: []}}}\n", "3: projects.a/b.deploy.refs: no job could take this"),
        (PROJECTS + "  a/b: {deploy: {functions: ['*']}}\n", "functions.0: expected the name of a Lambda function"),
        (
            PROJECTS + "  a/b: {deploy: {functions: ['a-*']}}\n  a/c: {return: event}\n",
            "3: projects.a/b.deploy.functions: `a-*` fits what begins with `a-c-`, which is another project's",
        ),
        (PROJECTS + "  a/b: {}\n  a/c: {builds: [a-b-x]}\n", "4: projects.a/c.builds: `a-b-x` fits"),
        (PROJECTS + "  a/b: {builds: [a-bc]}\n  a/b-c: {builds: ['a-b-*']}\n", "projects.a/b-c.builds: `a-b-*` fits"),
        (PROJECTS + "  a/b: {reach: {image_repositories: [x]}}\n", "repositories.0: expected the ARN of a repository"),
        (PROJECTS + "  a/b: {reach: {network: {subnets: []}}}\n", "projects.a/b.reach.network"),
        (PROJECTS + "  a/b: {builds: ['*']}\n", "builds.0: expected the name of a CodeBuild project such as"),
        (NONE + "gitlab: {url: 'https://a.b:8443'}\n", "3: gitlab.url: expected an address that AWS can"),
        (NONE + "gitlab: {url: 'http://a.b'}\n", "3: gitlab.url: expected an address that AWS can"),
        (NONE + "tags: {orchestrator-platform: x}\n", "3: tags.orchestrator-platform: this tag is written"),
        (NONE + "state: {lock_timeout_seconds: 1h}\n", "expected a whole number from 0 to 3600"),
        (NONE + "artifact: {}\n", "3: artifact: unknown key, did you mean `artifacts`?"),
    ],
)  # fmt: skip
def test_mistakes_are_told_where_they_are(text: str, told: str) -> None:
    """Line, path, what was expected and what was found: as for orchestrator.yml, by the same reader."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert told in caught.value.detail
    assert caught.value.exit_code == 2


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody corrects a file line by line and run by run."""
    with pytest.raises(ConfigurationError) as caught:
        parse("region: Frankfurt\nprojects: {shop: {}}\nstat: {}\n")
    assert len(caught.value.detail.splitlines()) == 3
    assert "orchestrator platform schema" in caught.value.hint


def test_names_that_are_nobody_elses_are_taken() -> None:
    """A project may list names that begin as it likes, and its own also where another name begins that."""
    text = f"{PROJECTS}  a/b: {{builds: [a-bx], deploy: {{functions: [a-bx-*, 'thumbs-*']}}}}\n"
    platform = parse(text + "  a/b-c: {builds: ['a-b-c-*'], deploy: {functions: [a-b-c, 'a-b-c-x*']}}\n")
    assert len(platform.projects) == 2
