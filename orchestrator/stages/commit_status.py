"""The status that GitLab shows beside a commit for one of its packages."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ports import CommitStatus


@dataclass(frozen=True)
class PackageStatus:
    """Where a status is shown: a package, the full SHA, its ref, and the pipeline that asked (empty: the newest one).

    `url` is what a click on it opens.
    """

    package: str
    commit: str
    ref: str
    pipeline_id: str
    url: str

    def show(self, state: str, description: str, status: CommitStatus) -> None:
        """Show a state in GitLab's words: `running`, `success`, `failed` or `canceled`.

        What is built for no pipeline would show as running in the newest one, whose end nobody tells: it is left out.
        """
        if state == "running" and not self.pipeline_id:
            return
        status.report(
            self.commit,
            state=state,
            name=f"codebuild/{self.package}",
            ref=self.ref,
            pipeline_id=self.pipeline_id,
            description=description,
            url=self.url,
        )
