"""Where the AWS provider comes from, decided without running Terraform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.effects import terraform_providers
from orchestrator.effects.terraform_providers import mirror_places, provider_environment, terraform_environment

PLATFORM = terraform_providers.PLATFORM
PACKAGE = f"registry.terraform.io/hashicorp/aws/5.100.0/{PLATFORM}"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the shared places of this machine be empty ones."""
    roots = [tmp_path / "opt", tmp_path / "share"]
    for root in roots:
        root.mkdir()
    monkeypatch.setattr(terraform_providers, "_ROOTS", tuple(map(str, roots)))


def machine(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Return a job's environment on a machine of its own."""
    return {"HOME": str(tmp_path / "home"), "XDG_DATA_DIRS": str(tmp_path / "data"), **variables}


def mirrored(directory: Path, package: str = PACKAGE) -> Path:
    """Make a mirror that has one package."""
    place = directory / package
    if place.suffix == ".zip":
        place.parent.mkdir(parents=True)
        place.touch()
    else:
        place.mkdir(parents=True)
    return directory


def config(environment: dict[str, str]) -> str:
    """Return the CLI config that Terraform would read."""
    return Path(environment["TF_CLI_CONFIG_FILE"]).read_text()


@pytest.mark.parametrize(
    "place",
    [
        lambda base: base / "home/.terraform.d/plugins",
        lambda base: base / "home/.local/share/terraform/plugins",
        lambda base: base / "data/terraform/plugins",
        lambda base: base / "opt/any-name",
        lambda base: base / "opt",
        lambda base: base / "share/terraform-mirror",
    ],
)
def test_a_mirror_in_a_usual_place_is_used(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    """A machine that was prepared with a mirror needs no setting and no network."""
    mirror = mirrored(place(tmp_path))
    environment = provider_environment(machine(tmp_path), tmp_path / "work")
    assert f'path    = "{mirror}"' in config(environment)
    assert 'exclude = ["registry.terraform.io/hashicorp/aws"' in config(environment)


@pytest.mark.parametrize(
    "package",
    [
        f"registry.terraform.io/hashicorp/aws/6.12.0/{PLATFORM}",
        f"registry.terraform.io/hashicorp/aws/terraform-provider-aws_5.1.0_{PLATFORM}.zip",
        f"registry.opentofu.org/hashicorp/aws/5.100.0/{PLATFORM}",
    ],
)
def test_both_layouts_and_both_registries_count(tmp_path: Path, package: str) -> None:
    """A mirror is recognised however it was made, for Terraform or for OpenTofu."""
    mirrored(tmp_path / "opt/mirror", package)
    environment = provider_environment(machine(tmp_path), tmp_path / "work")
    work = tmp_path / "work" / ".terraform" / "mirror"
    offered = {path.relative_to(work).parts[0] for path in work.rglob("*") if path.is_symlink()}
    assert offered == {"registry.terraform.io", "registry.opentofu.org"} - {package.partition("/")[0]}
    assert config(environment).count("filesystem_mirror") == 2


@pytest.mark.parametrize(
    "package",
    [
        f"registry.terraform.io/hashicorp/aws/4.67.0/{PLATFORM}",
        f"registry.terraform.io/hashicorp/aws/7.0.0/{PLATFORM}",
        "registry.terraform.io/hashicorp/aws/5.100.0/plan9_mips",
        f"registry.terraform.io/hashicorp/google/5.100.0/{PLATFORM}",
    ],
)
def test_a_mirror_without_a_usable_provider_is_passed_over(tmp_path: Path, package: str) -> None:
    """Another version, machine or provider in a mirror does not keep Terraform from asking the registry."""
    mirrored(tmp_path / "opt/mirror", package)
    assert "TF_CLI_CONFIG_FILE" not in provider_environment(machine(tmp_path), tmp_path / "work")


def test_a_cli_config_that_is_missing_is_not_passed_on(tmp_path: Path) -> None:
    """A variable that names a missing file neither stops Terraform nor hides the mirror."""
    mirror = mirrored(tmp_path / "opt/mirror")
    environment = provider_environment(machine(tmp_path, TF_CLI_CONFIG_FILE=str(tmp_path / "none")), tmp_path / "work")
    assert str(mirror) in config(environment)


def test_a_cli_config_that_exists_is_the_last_word(tmp_path: Path) -> None:
    """Whoever wrote a CLI config gets exactly that."""
    mirrored(tmp_path / "opt/mirror")
    own = tmp_path / "own.tfrc"
    own.touch()
    variables = machine(
        tmp_path, TF_CLI_CONFIG_FILE=str(own), ORCHESTRATOR_PROVIDER_MIRROR=str(tmp_path / "opt/mirror")
    )
    assert provider_environment(variables, tmp_path / "work")["TF_CLI_CONFIG_FILE"] == str(own)


def test_the_users_own_provider_installation_is_respected(tmp_path: Path) -> None:
    """A `~/.terraformrc` that says where providers come from is not overruled by a mirror that happens to be there."""
    mirrored(tmp_path / "opt/mirror")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.terraformrc").write_text("provider_installation {\n  direct {}\n}\n")
    assert "TF_CLI_CONFIG_FILE" not in provider_environment(machine(tmp_path), tmp_path / "work")


def test_the_named_mirror_is_the_only_one(tmp_path: Path) -> None:
    """`ORCHESTRATOR_PROVIDER_MIRROR` comes before every place that is only guessed."""
    mirrored(tmp_path / "opt/mirror")
    named = mirrored(tmp_path / 'a "named" ${mirror}')
    environment = machine(tmp_path, ORCHESTRATOR_PROVIDER_MIRROR=str(named))
    assert mirror_places(environment) == [named]
    written = config(provider_environment(environment, tmp_path / "work"))
    assert f'path    = "{tmp_path}/a \\"named\\" $${{mirror}}"' in written


@pytest.mark.parametrize("name", ["TF_CLI_ARGS", "TF_CLI_ARGS_apply", "TF_WORKSPACE", "TF_DATA_DIR"])
def test_variables_that_would_change_commands_unseen_are_dropped(tmp_path: Path, name: str) -> None:
    """No variable of the job can add `-auto-approve` or switch to another state."""
    environment = provider_environment(machine(tmp_path, **{name: "-auto-approve"}), tmp_path / "work")
    assert name not in environment


def test_everything_else_reaches_terraform(tmp_path: Path) -> None:
    """Credentials and proxies travel in the environment, untouched."""
    environment = provider_environment(machine(tmp_path, AWS_PROFILE="ci", HTTPS_PROXY="http://p"), tmp_path / "work")
    assert (environment["AWS_PROFILE"], environment["HTTPS_PROXY"]) == ("ci", "http://p")


@pytest.mark.parametrize(("length", "kept"), [(20, True), (80, True), (81, False), (300, False)])
def test_a_deep_tmpdir_does_not_break_providers(length: int, kept: bool) -> None:
    """A job whose TMPDIR is too deep for a Unix socket still gets its provider started."""
    environment = terraform_environment({"TMPDIR": "/" + "t" * (length - 1)})
    assert ("TMPDIR" in environment) is kept
