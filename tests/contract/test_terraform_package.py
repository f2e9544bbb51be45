"""The module `lambda-package` as people call it: its README's example and the roots of the examples, planned."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from shared_provider import shared_provider
from world import make

from orchestrator import resources
from orchestrator.config.load import parse
from orchestrator.effects.files import write_tree
from orchestrator.effects.terraform import TerraformRunner, find_terraform, provider_environment
from orchestrator.render.deployment import deployment_files
from orchestrator.stages.verified import Verified

MODULE = resources.folder("terraform") / "modules" / "lambda-package"
EXAMPLES = sorted(path.parent for path in resources.folder("examples").glob("*/terraform/"))
BOUND = "arn:aws:iam::123456789012:policy/orchestrator/feed-eu-central-1-functions"
NO_ACCOUNT = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


def packages_of(example: Path) -> dict[str, dict[str, str | None]]:
    """Return the packages of an example as deploy gives them to Terraform."""
    text = (example / "orchestrator.yml").read_text()
    configuration = parse(text, "orchestrator.yml", {}, directory=example.name)
    return {
        name: Verified(
            package=name,
            kind=str(package.kind),
            architecture=str(package.architecture),
            runtime=package.runtime,
            commit="0" * 40,
            bucket="packages-bucket",
            key=f"artifacts/{example.name}-{name}/package.zip",
            sha256="0" * 64,
            sha256_base64="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ).as_variables
        for name, package in configuration.packages.items()
    }


def example_root(example: Path, folder: Path) -> Mapping[str, Any]:
    """Copy the root of an example with what deploy writes beside it; return its variables. Its provider is left out."""
    shutil.copytree(example / "terraform", folder, ignore=shutil.ignore_patterns(".*", "*_override.tf", "*.json"))
    versions = folder / "versions.tf"
    versions.write_text(versions.read_text().partition("\nprovider ")[0])
    files = deployment_files(
        "test",
        packages_of(example),
        make().state,
        module=resources.module_files("lambda-package"),
        backend_template="",
        boundary=BOUND,
    ).files
    write_tree(folder, {name: text for name, text in files.items() if name.startswith(".orchestrator/")})
    variables: Mapping[str, Any] = json.loads(files["orchestrator.auto.tfvars.json"])
    return variables


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mapping[str, Any]]:
    """Plan them all at once for an account that has nothing; return the values of every resource by address."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(MODULE, folder / "lambda-package", ignore=shutil.ignore_patterns(".terraform*", "tests"))
    calls = {"readme": {"source": "./lambda-package/examples/basic"}}
    for example in EXAMPLES:
        calls[example.name] = {"source": f"./{example.name}", **example_root(example, folder / example.name)}
    (folder / "main.tf.json").write_text(json.dumps({"module": calls}))
    (folder / "provider.tf").write_text(NO_ACCOUNT)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    terraform = find_terraform(os.environ)
    environment = provider_environment({**plain, "AWS_EC2_METADATA_DISABLED": "true"}, folder)
    TerraformRunner(folder, executable=terraform, environment=environment, narrate=print).init(backend_config=None)
    with shared_provider(folder, environment) as variables:
        environment |= variables
        TerraformRunner(folder, executable=terraform, environment=environment, narrate=print).plan(folder / "plan")
        shown = subprocess.run(
            [*terraform.argv, "show", "-json", "plan"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout
    return dict(_resources(json.loads(shown)["planned_values"]["root_module"]))


def _resources(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in module.get("resources", []):
        yield resource["address"], resource["values"]
    for child in module.get("child_modules", []):
        yield from _resources(child)


def test_the_readmes_example_is_a_function_on_graviton(planned: dict[str, Mapping[str, Any]]) -> None:
    """What a reader copies makes an arm64 function with an alias, a log that ends, and an alarm that tells somebody."""
    own = {
        address.split(".", 4)[-1]: values for address, values in planned.items() if address.startswith("module.readme")
    }
    assert own['aws_lambda_function.this["this"]']["architectures"] == ["arm64"]
    assert own['aws_lambda_alias.this["this"]']["name"] == "test"
    assert own['aws_cloudwatch_log_group.this["this"]']["retention_in_days"] == 90
    assert own['aws_cloudwatch_metric_alarm.this["errors"]']["alarm_actions"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_examples_deploy_their_packages(example: Path, planned: dict[str, Mapping[str, Any]]) -> None:
    """Every package of an example becomes a function or a layer, for the processor that it was built for."""
    packages = packages_of(example)
    prefix = f"module.{example.name}.module."
    found = {address.removeprefix(prefix): values for address, values in planned.items() if address.startswith(prefix)}
    for name, package in packages.items():
        if package["kind"] == "layer":
            assert found[f'{name}.aws_lambda_layer_version.this["this"]']["compatible_architectures"] == [
                package["architecture"]
            ]
        else:
            assert found[f'{name}.aws_lambda_function.this["this"]']["architectures"] == [package["architecture"]]
    assert {re.split(r"\.", address)[0] for address in found} == set(packages)


def test_roles_are_bound_by_what_the_configuration_says(planned: dict[str, Mapping[str, Any]]) -> None:
    """`functions_boundary` is on the role of every function, whose root says nothing of it; the path is their own."""
    roles = {address: values for address, values in planned.items() if ".aws_iam_role." in address}
    assert {role["path"] for role in roles.values()} == {"/orchestrator/functions/"}
    bounds = {address.startswith("module.readme"): role["permissions_boundary"] for address, role in roles.items()}
    assert bounds == {True: None, False: BOUND}


def test_the_page_shows_the_root_that_is_planned() -> None:
    """What a reader of docs/deploy.md copies is what the example deploys."""
    page = (MODULE.parents[2] / "docs" / "deploy.md").read_text()
    shown = re.findall(r"```hcl\n(.*?)```", page, re.DOTALL)
    assert shown == [(resources.folder("examples") / "lxml-function" / "terraform" / "main.tf").read_text()]


def test_events_are_of_packages() -> None:
    """Each file below `events` of an example is JSON, and has the name of a function that is called with it."""
    files = [path for example in EXAMPLES for path in (example / "terraform" / "events").glob("*")]
    assert files
    for path in files:
        json.loads(path.read_text())
        assert packages_of(path.parents[2])[path.stem]["kind"] == "function"
