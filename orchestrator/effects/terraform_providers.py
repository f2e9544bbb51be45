"""Where Terraform gets the AWS provider from, on machines with and without a network."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.effects.process import child_environment

MIRROR_VARIABLE = "ORCHESTRATOR_PROVIDER_MIRROR"
_CONFIG_VARIABLES = ("TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG")
_HOSTS = ("registry.terraform.io", "registry.opentofu.org")
_PROVIDER = "hashicorp/aws"
_MAJORS = {"5", "6"}  # as in terraform/versions.tf
_ROOTS = ("/opt", "/usr/share", "/usr/local/share")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PLATFORM = f"{sys.platform}_{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
_PACKED = re.compile(r"terraform-provider-aws_(\d+)\.[^_]+_(.+)\.zip")

# What would change a command line or a state behind our back.
_MEDDLING = re.compile(r"TF_CLI_ARGS(_.*)?|TF_WORKSPACE|TF_DATA_DIR")
# Secrets that Terraform and its providers log in with, and proxies with a login. All others stay here.
_FOR_TERRAFORM = ("AWS_", "TF_TOKEN_", "TF_HTTP_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")

# Providers answer on a Unix socket `TMPDIR/plugin<10 digits>`; a socket's address has at most 107 bytes (unix(7)).
_LONGEST_TMPDIR_BYTES = 80


def terraform_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would change commands unseen, keep Terraform from working, or is a secret.

    That is options from elsewhere, tokens that are for others, a CLI config that is missing, and a `TMPDIR` too deep
    for a provider's socket.
    """
    allowed = child_environment(environment, _FOR_TERRAFORM)
    kept = {name: value for name, value in allowed.items() if not _MEDDLING.fullmatch(name)}
    if len(os.fsencode(kept.get("TMPDIR", ""))) > _LONGEST_TMPDIR_BYTES:
        del kept["TMPDIR"]
    for name in _CONFIG_VARIABLES:
        if name in kept and not Path(kept[name]).is_file():
            del kept[name]
    return kept | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


def provider_environment(environment: Mapping[str, str], workdir: Path) -> dict[str, str]:
    """Return the whole environment for Terraform, with `TF_CLI_CONFIG_FILE` set where a mirror is to be used.

    The first of these decides: a CLI config file that `TF_CLI_CONFIG_FILE` names and that exists; the mirror in
    `ORCHESTRATOR_PROVIDER_MIRROR`; a `provider_installation` in the user's own `~/.terraformrc` or `~/.tofurc`; a
    mirror in one of the usual places that has the AWS provider for this machine; the registry. For a mirror a CLI
    config is written below `workdir/.terraform`.
    """
    ours = terraform_environment(environment)
    if any(name in ours for name in _CONFIG_VARIABLES):
        return ours
    if not environment.get(MIRROR_VARIABLE) and _user_decides(environment):
        return ours
    mirror = next((place for place in mirror_places(environment) if _serves(place)), None)
    if mirror is None:
        return ours
    return ours | {"TF_CLI_CONFIG_FILE": str(_write_config(mirror, workdir.resolve() / ".terraform"))}


def provider_place(environment: Mapping[str, str]) -> str:
    """Return where `provider_environment` would have the AWS provider come from, empty for the registry."""
    ours = terraform_environment(environment)
    named = next((ours[name] for name in _CONFIG_VARIABLES if name in ours), "")
    if named or (not environment.get(MIRROR_VARIABLE) and _user_decides(environment)):
        return named or "the CLI configuration of this user"
    return next((str(place) for place in mirror_places(environment) if _serves(place)), "")


def mirror_places(environment: Mapping[str, str]) -> list[Path]:
    """Return every directory where a filesystem mirror is looked for, in order; not all of them need exist.

    If `ORCHESTRATOR_PROVIDER_MIRROR` is set it is the only one. Terraform's implied directories are those of its
    documentation: https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    """
    if explicit := environment.get(MIRROR_VARIABLE):
        return [Path(explicit).resolve()]
    return [*_implied(environment), *_shared()]


def _implied(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME") or Path.home())
    yield home / ".terraform.d" / "plugins"
    if sys.platform == "darwin":
        yield home / "Library/Application Support/io.terraform/plugins"
        yield Path("/Library/Application Support/io.terraform/plugins")
    data = [
        environment.get("XDG_DATA_HOME") or str(home / ".local/share"),
        *(environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"),
    ]
    for directory in filter(None, data):
        yield Path(directory) / "terraform" / "plugins"
        yield Path(directory) / "opentofu" / "plugins"


def _shared() -> Iterator[Path]:
    """Yield the directories under the usual roots that hold a registry's name, directly or one level below."""
    for root in map(Path, _ROOTS):
        yield root
        try:
            below = sorted(path for path in root.iterdir() if path.is_dir())
        except OSError:
            continue
        yield from (path for path in below if any((path / host).is_dir() for host in _HOSTS))


def _user_decides(environment: Mapping[str, str]) -> bool:
    home = Path(environment.get("HOME") or Path.home())
    for name in (".terraformrc", ".tofurc"):
        try:
            if re.search(r"^\s*provider_installation\b", (home / name).read_text("utf-8", "replace"), re.MULTILINE):
                return True
        except OSError:
            continue
    return False


def _serves(place: Path) -> bool:
    return any(next(_packages(place, host), None) is not None for host in _HOSTS)


def _packages(place: Path, host: str) -> Iterator[Path]:
    """Yield the packages for this machine, in both of Terraform's layouts: `VERSION/PLATFORM` directories, and zips."""
    provider = place / host / _PROVIDER
    try:
        entries = sorted(provider.iterdir())
    except OSError:
        return
    for entry in entries:
        packed = _PACKED.fullmatch(entry.name)
        major = packed[1] if packed else entry.name.partition(".")[0]
        if major not in _MAJORS:
            continue
        if packed and packed[2] == PLATFORM:
            yield entry
        elif not packed and (entry / PLATFORM).is_dir():
            yield entry / PLATFORM


def _write_config(mirror: Path, directory: Path) -> Path:
    """Write a CLI config that takes the AWS provider from the mirror, and only other providers from a registry.

    A provider is one program whoever asks for it: what the mirror holds under one registry's name is offered under
    the other's as well, so that a mirror made for Terraform serves OpenTofu.
    """
    addresses = {host: f"{host}/{_PROVIDER}" for host in _HOSTS}
    blocks = []
    for host, address in addresses.items():
        place = mirror
        if next(_packages(mirror, host), None) is None:
            place = directory / "mirror"
            other = next(name for name in _HOSTS if name != host)
            _offer(mirror, other, place / host / _PROVIDER)
        blocks.append(
            f"  filesystem_mirror {{\n    path    = {_quoted(place)}\n    include = [{_quoted(address)}]\n  }}\n"
        )
    excluded = ", ".join(map(_quoted, addresses.values()))
    blocks.append(f"  direct {{\n    exclude = [{excluded}]\n  }}\n")
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "orchestrator.tfrc"
    config.write_text("provider_installation {\n" + "".join(blocks) + "}\n", encoding="utf-8")
    return config


def _offer(mirror: Path, host: str, offered: Path) -> None:
    """Link the packages of one registry's provider below another name; Terraform follows links of packages only."""
    source = mirror / host / _PROVIDER
    for package in _packages(mirror, host):
        link = offered / package.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(package)


def _quoted(value: Path | str) -> str:
    """Return a string as HCL writes it."""
    return json.dumps(str(value), ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
