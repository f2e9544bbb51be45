"""`return: wait` with `deploy`: one pipeline from the push to the test environment and, by hand, to production."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from conftest import Shop

from orchestrator import resources

pytestmark = pytest.mark.e2e
PIPELINE = """
stages: [prebuild, build, postbuild, test, deploy]
variables:
  ORCHESTRATOR_RETURN: wait
include:
  - local: templates/plain.gitlab-ci.yml
  - local: templates/plain-deploy.gitlab-ci.yml
"""
MAIN = """
module "probe" {{
  source      = "./.orchestrator/lambda-package"
  name        = "{name}-${{var.environment}}"
  environment = var.environment
  handler     = "handler.handler"
  package     = var.packages["probe"]
}}

output "deployed" {{
  value = {{ probe = module.probe.deployed }}
}}
"""


def files(shop: Shop) -> dict[str, str]:
    """Return a project with one function, which the job makes itself, and a Terraform root."""
    example = resources.folder("examples") / "pycurl-layer" / "terraform"
    own = shop.files()["orchestrator.yml"].partition("packages:")[0]
    return {
        **shop.files(),
        ".gitlab-ci.yml": PIPELINE,
        "orchestrator.yml": f"{own}packages:\n  probe: {{source: src, build: {{where: auto}}}}\nreturn: wait\n",
        "src/handler.py": "def handler(event, context):\n    return ['built here', event['say']]\n",
        "terraform/main.tf": MAIN.format(name=shop.name),
        "terraform/events/probe.json": '{"say": "hello"}',
        **{f"terraform/{name}": (example / name).read_text() for name in ("variables.tf", "versions.tf")},
        **{
            f"templates/{name}": (resources.folder("templates") / name).read_text()
            for name in ("plain.gitlab-ci.yml", "plain-deploy.gitlab-ci.yml")
        },
    }


def settled(shop: Shop, item: Any) -> dict[str, Any]:
    """Wait until nothing of a pipeline goes on; return its jobs by name."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        jobs = {job.name: job for job in item.jobs.list(get_all=True)}
        if all(job.status in {"success", "failed", "manual", "skipped"} for job in jobs.values()):
            return jobs
        time.sleep(0.5)
    raise AssertionError({name: job.status for name, job in jobs.items()})


def test_one_pipeline_deploys_what_it_has_built(shop: Shop) -> None:
    """The pipeline of the push deploys to the test environment, and a click takes the same bytes to production."""
    shop.project.variables.create({"key": "ORCHESTRATOR_GITLAB_TOKEN", "value": shop.running.gitlab_token})
    commit = shop.commit(files(shop))
    deadline = time.monotonic() + 30
    while not (found := shop.project.pipelines.list(sha=commit, get_all=True)) and time.monotonic() < deadline:
        time.sleep(0.5)
    (pipeline,) = found
    jobs = settled(shop, pipeline)
    said = {name: shop.project.jobs.get(job.id).trace().decode()[-2000:] for name, job in jobs.items()}
    assert {name: job.status for name, job in jobs.items()} == {
        **dict.fromkeys(("prebuild", "build", "postbuild", "test"), "success"),
        "deploy": "manual",
    }, said
    assert f'probe: {shop.name}-test:test answered ["built here", "hello"]' in said["test"]
    shop.project.jobs.get(jobs["deploy"].id).play()
    assert settled(shop, pipeline)["deploy"].status == "success"
    answers = [
        json.loads(
            shop.aws("lambda")
            .invoke(FunctionName=f"{shop.name}-{environment}", Qualifier=environment, Payload=b'{"say": "you"}')[
                "Payload"
            ]
            .read()
        )
        for environment in ("test", "production")
    ]
    assert answers == [["built here", "you"]] * 2
    # It is the only pipeline of the commit.
    assert [item.id for item in shop.project.pipelines.list(sha=commit, get_all=True)] == [pipeline.id]
