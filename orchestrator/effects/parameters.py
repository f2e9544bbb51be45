"""The SSM Parameter Store, by name only: no value is ever read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, error_code, patient
from orchestrator.errors import OrchestratorError
from orchestrator.patience import Patience

_WHAT = "cannot look up SSM parameters"


class ParameterStore:
    """The Parameter Store of one region."""

    def __init__(self, region: str, patience: Patience | None = None) -> None:
        self._ssm = patient("ssm", region, patience or Patience())

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        """Return those of the names that do not exist; none when the caller may not list parameters."""
        if not names:  # which SSM refuses to be asked
            return []
        try:
            with aws_errors(_WHAT):
                known = set(self._known(list(dict.fromkeys(names))))
        except OrchestratorError as error:
            # The role that starts builds need not be allowed to look; the build itself will tell.
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__).startswith("AccessDenied"):
                return []
            raise
        return [name for name in names if name not in known]

    def _known(self, names: list[str]) -> Iterator[str]:
        filters = [{"Key": "Name", "Option": "Equals", "Values": names}]
        more: dict[str, str] = {}
        while True:
            page = self._ssm.describe_parameters(ParameterFilters=filters, **more)
            yield from (parameter["Name"] for parameter in page["Parameters"])
            # A page may be empty although more follow (SSM API: DescribeParameters, `NextToken`).
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}
