"""The SSM Parameter Store as a place for secrets: they go in, and nothing here ever reads one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace as changed
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, error_code, patient
from orchestrator.onboarding_ports import Raced, Sealed, StoredParameter
from orchestrator.patience import AWS, Bout, Patience

_AT_ONCE = 50  # values of a filter
# How long a description takes to be told after it was stored.
_SETTLING = changed(AWS, first_seconds=0.25, longest_seconds=2.0, attempts=8)


class SecretStore:
    """The Parameter Store of one region, without its values."""

    def __init__(self, region: str, patience: Patience | None = None) -> None:
        self.region = region
        self._patience = patience or Patience()
        self._ssm = patient("ssm", region, self._patience)

    def look(self, names: Sequence[str]) -> Mapping[str, StoredParameter]:
        """Return those of the parameters that are there, by name."""
        wanted = list(dict.fromkeys(names))
        with aws_errors(f"cannot look up SSM parameters in {self.region}"):
            parts = (wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE))
            return {item["Name"]: _parameter(item) for part in parts for item in self._described(part)}

    def store(self, name: str, value: Sealed, description: str, key_arn: str | None, *, replace: bool) -> None:
        """Store a secret; raises `Raced` if something is there that is not to be replaced.

        Returns when AWS tells of it: until then, another look would find what was there before.
        """
        how = {"Type": "SecureString", "Overwrite": replace, **({"KeyId": key_arn} if key_arn else {})}
        with aws_errors(f"cannot store the SSM parameter `{name}`"):
            try:
                answer = self._ssm.put_parameter(Name=name, Value=value.open(), Description=description, **how)
            except ClientError as error:
                if error_code(error) != "ParameterAlreadyExists":
                    raise
                raise Raced(f"somebody has stored {name} in this moment", hint="run it again") from None
            self._settle(name, int(answer["Version"]))

    def delete(self, name: str) -> None:
        """Delete a parameter; one that is gone is no failure."""
        with aws_errors(f"cannot delete the SSM parameter `{name}`"):
            try:
                self._ssm.delete_parameter(Name=name)
            except ClientError as error:
                if error_code(error) != "ParameterNotFound":
                    raise

    def _settle(self, name: str, version: int) -> None:
        bout = Bout(_SETTLING, self._patience)
        while not any(int(item["Version"]) >= version for item in self._described([name])):
            if not bout.pause():
                return

    def _described(self, names: list[str]) -> Iterator[Mapping[str, Any]]:
        filters = [{"Key": "Name", "Option": "Equals", "Values": names}]
        more: dict[str, str] = {}
        while True:
            page = self._ssm.describe_parameters(ParameterFilters=filters, **more)
            yield from page["Parameters"]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}


def _parameter(item: Mapping[str, Any]) -> StoredParameter:
    by = str(item.get("LastModifiedUser") or "")
    return StoredParameter(
        name=str(item["Name"]),
        kind=str(item["Type"]),
        description=str(item.get("Description") or ""),
        changed_by=by if by.startswith("arn:") else "",
    )
