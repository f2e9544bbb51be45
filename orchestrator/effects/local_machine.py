"""What is installed on this machine, as `doctor` looks at it."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from orchestrator.effects.terraform_find import find_terraform
from orchestrator.effects.terraform_providers import provider_place

_REGISTRIES = ("https://registry.terraform.io", "https://registry.opentofu.org")
_DISCOVERY = "/.well-known/terraform.json"  # Terraform: remote service discovery
_SECONDS = 10.0


class Machine:
    """The machine that runs this, with the environment that Terraform would get."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def terraform(self) -> str:
        """Return the name and version of the Terraform that prebuild would run."""
        return find_terraform(self._environment).describe()

    def provider(self) -> str:
        """Return where the AWS provider would come from, empty for the registry."""
        return provider_place(self._environment)

    def registry_answers(self) -> bool:
        """Tell whether a registry of providers can be reached."""
        return any(_answers(address) for address in _REGISTRIES)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}{_DISCOVERY}", timeout=_SECONDS).ok
    except requests.RequestException:
        return False
