"""The SSM Parameter Store, by name only: no value is ever read here."""

from __future__ import annotations

from collections.abc import Sequence

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, client, error_code, member
from orchestrator.errors import OrchestratorError

_WHAT = "cannot look up SSM parameters"


class ParameterStore:
    """The Parameter Store of one region."""

    def __init__(self, region: str) -> None:
        self._region = region

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        """Return those of the names that do not exist; none when the caller may not list parameters."""
        try:
            with aws_errors(_WHAT):
                # A page may be empty although more follow (SSM API: DescribeParameters, `NextToken`).
                pages = client("ssm", self._region).get_paginator("describe_parameters")
                filters = [{"Key": "Name", "Option": "Equals", "Values": list(dict.fromkeys(names))}]
                known = {
                    parameter["Name"]
                    for page in pages.paginate(ParameterFilters=filters)
                    for parameter in member(page, "Parameters", _WHAT)
                }
        except OrchestratorError as error:
            # The role that starts builds need not be allowed to look; the build itself will tell.
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__).startswith("AccessDenied"):
                return []
            raise
        return [name for name in names if name not in known]
