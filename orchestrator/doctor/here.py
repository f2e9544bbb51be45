"""What is installed on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.doctor.ailments import found
from orchestrator.doctor_ports import LocalMachine
from orchestrator.errors import ConfigurationError
from orchestrator.findings import Finding

_MIRROR = "`terraform providers mirror DIRECTORY` where there is a network, then set ORCHESTRATOR_PROVIDER_MIRROR"


def terraform(machine: LocalMachine) -> Iterator[Finding]:
    """Give what keeps Terraform from being run."""
    try:
        machine.terraform()
    except ConfigurationError as error:
        yield found("terraform-missing", "terraform", f"{error.what} ({error.detail})", error.hint)


def provider(machine: LocalMachine, *, offline: bool) -> Iterator[Finding]:
    """Give what keeps Terraform from getting the AWS provider."""
    if machine.provider():
        return
    if offline:
        yield found("provider-remote", "AWS provider", "there is no mirror on this machine", _MIRROR)
    elif not machine.registry_answers():
        what = "there is no mirror on this machine, and the registry does not answer"
        yield found("provider-unreachable", "AWS provider", what, _MIRROR)
