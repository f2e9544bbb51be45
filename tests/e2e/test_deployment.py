"""All five stages: a layer and the function that uses it, from the push to the test environment and to production."""

from __future__ import annotations

import io
import json
import re
import time
from typing import Any

import pytest
from conftest import Shop
from iam import asked_for
from planned import EVERY_CALL

from orchestrator import resources
from orchestrator.emulator import faults

pytestmark = pytest.mark.e2e
PIPELINE = """
stages: [prebuild, build, postbuild, test, deploy]
include:
  - local: templates/plain.gitlab-ci.yml
  - local: templates/plain-deploy.gitlab-ci.yml
"""
CONFIGURATION = """
project: {name}
region: {region}
gitlab: {{project: {project}}}
terraform: {{state: gitlab}}
packages:
  common: {{kind: layer, source: layer, build: {{timeout_minutes: 5}}}}
  probe: {{source: src, build: {{timeout_minutes: 5}}}}
"""
MAIN = """
module "common" {{
  source      = "./.orchestrator/lambda-package"
  name        = "{name}-common-${{var.environment}}"
  environment = var.environment
  package     = var.packages["common"]
}}

module "probe" {{
  source      = "./.orchestrator/lambda-package"
  name        = "{name}-${{var.environment}}"
  environment = var.environment
  handler     = "handler.handler"
  layers      = [module.common.deployed.arn]
  package     = var.packages["probe"]
}}

output "deployed" {{
  value = {{ common = module.common.deployed, probe = module.probe.deployed }}
}}
"""


def files(shop: Shop) -> dict[str, str]:
    """Return a project with a layer, a function that imports it, and the Terraform root of an example around them."""
    templates, example = resources.folder("templates"), resources.folder("examples") / "pycurl-layer" / "terraform"
    names = {"name": shop.name, "region": shop.running.region, "project": shop.project.id}
    return {
        **shop.files(),
        ".gitlab-ci.yml": PIPELINE,
        "orchestrator.yml": CONFIGURATION.format(**names),
        "layer/common.py": "WORD = 'from the layer'\n",
        "src/handler.py": "import common\n\n\ndef handler(event, context):\n    return [common.WORD, event['say']]\n",
        "terraform/main.tf": MAIN.format(**names),
        "terraform/events/probe.json": '{"say": "hello"}',
        **{f"terraform/{name}": (example / name).read_text() for name in ("variables.tf", "versions.tf")},
        **{
            f"templates/{name}": (templates / name).read_text()
            for name in ("plain.gitlab-ci.yml", "plain-deploy.gitlab-ci.yml")
        },
    }


def trace(shop: Shop, job: Any) -> str:
    """Return the log of a job."""
    return str(shop.project.jobs.get(job.id).trace().decode(errors="replace")).replace("\r", "\n")


def home(shop: Shop, commit: str) -> list[dict[str, Any]]:
    """Wait until both packages have come home and their jobs have ended; return the jobs of each pipeline by name."""
    deadline = time.monotonic() + 240
    while True:
        pipelines = shop.project.pipelines.list(sha=commit, get_all=True)
        jobs = {item.id: {job.name: job for job in item.jobs.list(get_all=True)} for item in pipelines}
        ended = all(item.status in {"success", "failed"} for item in pipelines)
        if ended and (len(pipelines) == 3 or any(item.status == "failed" for item in pipelines)):
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    told = {name: (job.status, trace(shop, job)[-1500:]) for found in jobs.values() for name, job in found.items()}
    assert {item.status for item in pipelines} == {"success"}, told
    return [jobs[item.id] for item in pipelines if item.source == "trigger"]


def ended(shop: Shop, job_id: int) -> Any:
    """Wait for a job."""
    deadline = time.monotonic() + 120
    while (job := shop.project.jobs.get(job_id)).status not in {"success", "failed"}:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return job


def called(shop: Shop, environment: str) -> Any:
    """Call the function as everybody does, by its alias."""
    name = f"{shop.name}-{environment}"
    answer = shop.aws("lambda").invoke(FunctionName=name, Qualifier=environment, Payload=b'{"say": "you"}')
    return json.loads(answer["Payload"].read())


def moved(shop: Shop, package: str) -> str:
    """Store the same bytes under another key, as another commit would; return the manifest that says so."""
    commit = shop.git("rev-parse", "HEAD")
    note = f"handback/{shop.name}-{package}/{commit}.json"
    s3 = shop.aws("s3")
    bucket = next(item["Name"] for item in s3.list_buckets()["Buckets"] if item["Name"].startswith(f"{shop.name}-"))
    known = json.loads(s3.get_object(Bucket=bucket, Key=note)["Body"].read())
    content = s3.get_object(Bucket=bucket, Key=known["key"])["Body"].read()
    manifest = json.loads(
        s3.get_object(Bucket=bucket, Key=known["key"].replace("package.zip", "manifest.json"))["Body"].read()
    )
    stored = s3.put_object(
        Bucket=bucket, Key=known["key"].replace("package.zip", "again.zip"), Body=io.BytesIO(content)
    )
    return json.dumps(
        {**manifest, "key": known["key"].replace("package.zip", "again.zip"), "version_id": stored["VersionId"]}
    )


def documented() -> set[str]:
    """Return the actions that the page about deploying lists for the role of the job."""
    page = (resources.folder("templates").parent / "docs" / "deploy.md").read_text()
    section = page.split("## What the role needs")[1].split("\n## ")[0]
    return set(re.findall(r"`((?:cloudwatch|iam|lambda|logs|s3):\w+)`", section))


def test_a_layer_and_its_function_are_deployed(shop: Shop) -> None:
    """The last package home deploys both; production follows by hand; equal bytes and older commits change nothing."""
    commit = shop.commit(files(shop))
    pipelines = home(shop, commit)
    (last, *_) = [jobs for jobs in pipelines if jobs["test"].status == "success"]
    said = trace(shop, last["test"])
    assert f'probe: {shop.name}-test:test answered ["from the layer", "hello"]' in said
    assert f"common: {shop.name}-common-test is version 1, with the verified bytes" in said
    for jobs in pipelines:
        assert jobs["test"].status == "success" or "has not come home yet" in trace(shop, jobs["test"])
        assert jobs["deploy"].status == "manual"
    assert called(shop, "test") == ["from the layer", "you"]

    with faults.injected(shop.running, EVERY_CALL) as journal:
        shop.project.jobs.get(last["deploy"].id).play()
        deployed = ended(shop, last["deploy"].id)
        assert asked_for(journal()) <= documented()
    assert deployed.status == "success", trace(shop, deployed)
    assert called(shop, "production") == ["from the layer", "you"]

    (shop.folder / "manifest.json").write_text(moved(shop, "probe"))
    again = shop.orchestrator("deploy", "--environment", "test", ORCHESTRATOR_GITLAB_TOKEN=shop.running.gitlab_token)
    assert again.returncode == 0, again.stderr
    assert "plan: nothing to change" in again.stderr

    gone = shop.orchestrator(
        *("undeploy", "--environment", "production", "--yes"), ORCHESTRATOR_GITLAB_TOKEN=shop.running.gitlab_token
    )
    assert gone.returncode == 0, gone.stderr
    left = [item["FunctionName"] for item in shop.aws("lambda").list_functions()["Functions"]]
    assert [name for name in left if name.startswith(shop.name)] == [f"{shop.name}-test"]
    assert shop.aws("lambda").list_layer_versions(LayerName=f"{shop.name}-common-production")["LayerVersions"] == []

    shop.commit({"README.md": "A newer commit.\n"}, "[skip ci]")
    repeated = ended(shop, shop.project.jobs.get(last["test"].id).retry()["id"])
    assert repeated.status == "failed"
    assert "'main' has moved on" in trace(shop, repeated)
    assert "exit code 4" in trace(shop, repeated)
