"""GitLab: the status beside a commit, and pipelines to watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gitlab
import requests

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.ports import Narrator

_ENDED = {"success", "failed", "canceled", "skipped"}

# GitLab refuses longer values (commit status API).
_LIMIT_CHARACTERS = 255
# A status is not worth the minutes that python-gitlab waits by default.
_STATUS_RETRIES = 2


class GitLabStatus:
    """Commit statuses of one project. They are decoration: a failure is told, and decides nothing."""

    def __init__(self, url: str, project: str, token: str, narrate: Narrator) -> None:
        self._project = project
        self._narrate = narrate
        self._gitlab = gitlab.Gitlab(url, private_token=token, timeout=20, retry_transient_errors=True)

    def report(
        self, sha: str, *, state: str, name: str, ref: str, pipeline_id: str, description: str, url: str
    ) -> None:
        """Set the status of a commit (`pending`, `running`, `success`, `failed`, `canceled`).

        Without the pipeline's id GitLab would give it to the newest pipeline of the commit: the one that the build
        triggers, while the one that started the build would show it as running for ever.
        """
        status = {
            "state": state,
            "name": name,
            "description": description[:_LIMIT_CHARACTERS],
        }
        known = {"ref": ref, "pipeline_id": pipeline_id, "target_url": url[:_LIMIT_CHARACTERS]}
        status.update({key: value for key, value in known.items() if value})
        try:
            commit = self._gitlab.projects.get(self._project, lazy=True).commits.get(sha, lazy=True)
            commit.statuses.create(status, max_retries=_STATUS_RETRIES)
        # A token that no header can hold is a ValueError.
        except (gitlab.exceptions.GitlabError, requests.RequestException, ValueError) as error:
            code = getattr(error, "response_code", None)
            self._narrate(f"the commit status was not set (GitLab answered {code or 'nothing'})")


@dataclass(frozen=True)
class PipelineRecord:
    """A pipeline as GitLab describes it. `source` is CI_PIPELINE_SOURCE, such as `push` or `trigger`."""

    id: int
    source: str
    status: str
    sha: str

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen in it by itself."""
        return self.status in _ENDED


@dataclass(frozen=True)
class JobRecord:
    """A job of a pipeline. `seconds` is how long it ran, None until it has started."""

    id: int
    name: str
    stage: str
    status: str
    seconds: float | None


class GitLabPipelines:
    """Pipelines and jobs of one project, to watch."""

    def __init__(self, url: str, project: str, token: str) -> None:
        connection = gitlab.Gitlab(url, private_token=token, timeout=20, retry_transient_errors=True)
        self._project = connection.projects.get(project, lazy=True)

    def pipelines(self) -> list[PipelineRecord]:
        """Return all pipelines, oldest first."""
        with gitlab_errors("cannot read the pipelines"):
            found = self._project.pipelines.list(get_all=True)
        records = [PipelineRecord(item.id, item.source, item.status, item.sha) for item in found]
        return sorted(records, key=lambda record: record.id)

    def jobs(self, pipeline_id: int) -> list[JobRecord]:
        """Return the jobs of a pipeline, in the order in which they were created."""
        with gitlab_errors(f"cannot read the jobs of pipeline {pipeline_id}"):
            found = self._project.pipelines.get(pipeline_id, lazy=True).jobs.list(get_all=True)
        records = [JobRecord(item.id, item.name, item.stage, item.status, item.duration) for item in found]
        return sorted(records, key=lambda record: record.id)

    def trace(self, job_id: int) -> str:
        """Return the log of a job so far."""
        with gitlab_errors(f"cannot read the log of job {job_id}"):
            return bytes(self._project.jobs.get(job_id, lazy=True).trace()).decode(errors="replace")

    def artifact(self, job_id: int, path: str) -> bytes:
        """Return one file of a job's artifacts."""
        with gitlab_errors(f"cannot read `{path}` of job {job_id}"):
            return bytes(self._project.jobs.get(job_id, lazy=True).artifact(path))


@contextmanager
def gitlab_errors(what: str) -> Iterator[None]:
    """Turn whatever python-gitlab raises inside into an `OrchestratorError` whose first line is `what`."""
    try:
        yield
    except gitlab.exceptions.GitlabAuthenticationError as error:
        raise ConfigurationError(
            what, detail="GitLab does not accept the token", hint="renew the token; it needs the scope `api`"
        ) from error
    except gitlab.exceptions.GitlabError as error:
        detail = f"GitLab answered {error.response_code}: {error.error_message}"
        raise MachineryError(what, detail=detail, hint="retry; if it stays, ask the platform team") from error
    except requests.RequestException as error:
        raise MachineryError(what, detail=type(error).__name__, hint="retry the job") from error
