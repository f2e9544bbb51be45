"""Plain values of the SSM Parameter Store that are there to be read by anybody; secrets are not among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.effects.aws import aws_errors, patient
from orchestrator.patience import Patience


class PublishedParameters:
    """The parameters of type String of one region."""

    def __init__(self, region: str, patience: Patience | None = None) -> None:
        self._region = region
        self._ssm = patient("ssm", region, patience or Patience())

    def below(self, path: str) -> Mapping[str, str]:
        """Return the values below a path such as `/orchestrator/platform/`, by full name; none if nothing is there."""
        with aws_errors(f"cannot read the SSM parameters below `{path}` in {self._region}"):
            return dict(self._pages(path))

    def _pages(self, path: str) -> Iterator[tuple[str, str]]:
        more: dict[str, str] = {}
        while True:
            # Without decryption: should anybody keep a secret there, it stays one.
            page = self._ssm.get_parameters_by_path(Path=path, Recursive=True, WithDecryption=False, **more)
            yield from ((one["Name"], one["Value"]) for one in page["Parameters"] if one["Type"] == "String")
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}
