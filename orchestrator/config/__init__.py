"""What the user wrote: `orchestrator.yml`, the CI variables around it, and nothing else."""

from orchestrator.config.context import Context, from_environment
from orchestrator.config.load import EXAMPLE, load, parse
from orchestrator.config.model import Configuration
from orchestrator.config.package_model import Build, Package
from orchestrator.config.refs import check_ref
from orchestrator.config.requirements import requirements_file

__all__ = [
    "EXAMPLE",
    "Build",
    "Configuration",
    "Context",
    "Package",
    "check_ref",
    "from_environment",
    "load",
    "parse",
    "requirements_file",
]
