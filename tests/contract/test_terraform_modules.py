"""The Terraform files, judged by the real Terraform and the real AWS provider, without an account."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_provider import shared_provider

from orchestrator.effects.terraform import TerraformExecutable, TerraformRunner, find_terraform, provider_environment

SOURCE = Path(__file__).resolve().parents[2] / "terraform"
FOLDERS = [".", "modules/artifact-store", "modules/build-project", "modules/lambda-package", "modules/pipeline-roles"]
EXAMPLES = [f"{folder}/examples/basic" for folder in FOLDERS[1:]]
# Their own tests plan the whole of them, the example too, and so say that they are valid.
PLANNED = ["modules/gitlab-oidc", "platform"]
MODULES = [folder for folder in FOLDERS + PLANNED if folder.startswith("modules/")]


@pytest.fixture(scope="module")
def terraform() -> TerraformExecutable:
    """Return the Terraform of this machine."""
    return find_terraform(os.environ)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the files, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("terraform")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*"))
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return an environment that holds no credentials and reaches no account."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return provider_environment(plain | {"AWS_EC2_METADATA_DISABLED": "true"}, folder)


@pytest.fixture(scope="module")
def provider(terraform: TerraformExecutable, copy: Path) -> Iterator[dict[str, str]]:
    """Return the variables of one provider that all tests here use; none of them tells it where an account is."""
    initialised(terraform, copy / "modules/artifact-store")
    with shared_provider(copy / "modules/artifact-store", environment(copy)) as variables:
        yield variables


def initialised(terraform: TerraformExecutable, folder: Path) -> None:
    """Have Terraform take the provider that the folder asks for from where it is found."""
    TerraformRunner(folder, executable=terraform, environment=environment(folder), narrate=print).init(
        backend_config=None
    )


def test_the_files_are_formatted(terraform: TerraformExecutable, tmp_path: Path) -> None:
    """Everybody's `terraform fmt` agrees with what is committed."""
    done = subprocess.run(
        [*terraform.argv, "fmt", "-check", "-recursive", "-diff", SOURCE],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", FOLDERS + EXAMPLES)
def test_the_files_are_valid(terraform: TerraformExecutable, copy: Path, provider: dict[str, str], folder: str) -> None:
    """The AWS provider knows every resource and every argument, in the modules as in their examples."""
    directory = copy / folder
    initialised(terraform, directory)
    variables = environment(directory) | provider
    TerraformRunner(directory, executable=terraform, environment=variables, narrate=print).validate()


@pytest.mark.parametrize("folder", FOLDERS + PLANNED)
def test_the_modules_keep_their_promises(
    terraform: TerraformExecutable, copy: Path, provider: dict[str, str], folder: str
) -> None:
    """What the modules' own tests assert (policies, refusals, tags, names) holds."""
    directory = copy / folder
    initialised(terraform, directory)
    done = subprocess.run(
        [*terraform.argv, "test", "-no-color"],
        cwd=directory,
        env=environment(directory) | provider,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", done.stdout)


@pytest.mark.parametrize("folder", MODULES)
def test_the_readme_shows_the_example_that_is_tested(folder: str) -> None:
    """What a reader copies from a README is what the tests plan."""
    shown = re.findall(r"```hcl\n(.*?)```", (SOURCE / folder / "README.md").read_text(), re.DOTALL)
    assert shown == [(SOURCE / folder / "examples/basic/main.tf").read_text()]


@pytest.mark.parametrize("folder", FOLDERS + PLANNED)
def test_the_variables_stand_in_order(folder: str) -> None:
    """A reader finds a variable by the alphabet, and its description, type, default, rules always in that order."""
    text = (SOURCE / folder / "variables.tf").read_text()
    names = re.findall(r'^variable "(\w+)"', text, re.MULTILINE)
    assert names == sorted(names)
    for block in re.split(r"^variable ", text, flags=re.MULTILINE)[1:]:
        keys = re.findall(r"^  (description|type|default|nullable|validation)\b", block, re.MULTILINE)
        order = ["description", "type", "default", "nullable", "validation"]
        assert keys == sorted(keys, key=order.index)
        assert keys[:2] == order[:2]


@pytest.mark.parametrize("folder", MODULES)
def test_the_readme_lists_every_variable(folder: str) -> None:
    """No variable of a module is left undocumented."""
    names = re.findall(r'^variable "(\w+)"', (SOURCE / folder / "variables.tf").read_text(), re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \|", (SOURCE / folder / "README.md").read_text(), re.MULTILINE)
    assert [row for row in rows if row in names][: len(names)] == names


def test_only_the_backend_is_a_template() -> None:
    """No value of a user can ever be pasted into Terraform's language."""
    templated = {path.name for path in SOURCE.rglob("*") if path.is_file() and "{{" in path.read_text()}
    assert templated == {"backend.tf.j2"}
