"""No commit status at all."""

from __future__ import annotations


class NoStatus:
    """Stands in when no token allows commit statuses (the job token does not)."""

    def report(
        self, sha: str, *, state: str, name: str, ref: str, pipeline_id: str, description: str, url: str
    ) -> None:
        """Do nothing."""
