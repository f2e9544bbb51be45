"""GitLab: the status beside a commit, and pipelines to watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import gitlab
import requests

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.gitlab_trigger import asked_seconds, gitlab_passes, least_pause_seconds
from orchestrator.patience import GITLAB, Bout, Pace, Patience
from orchestrator.ports import Narrator

_ENDED = {"success", "failed", "canceled", "skipped"}

# GitLab refuses longer values (commit status API).
_LIMIT_CHARACTERS = 255
# A status is not worth minutes.
_STATUS_PACE = replace(GITLAB, longest_seconds=10.0, attempts=3)
_ONCE = replace(GITLAB, attempts=1)
_GOES_ON = {"pending", "running"}
# What has another form than JSON (GitLab docs: api/jobs, api/job_artifacts).
_FILES = ("/trace", "/artifacts/")
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
# GitLab's answer to a status that the commit has already: what an earlier attempt or run has set (api/commits).
_SET_ALREADY = "Cannot transition status"


class GitLabStatus:
    """Commit statuses of one project. They are decoration: a failure is told, and decides nothing."""

    def __init__(self, url: str, project: str, token: str, narrate: Narrator, patience: Patience | None = None) -> None:
        self._project = project
        self._narrate = narrate
        self._patient, self._hasty = (connection(url, token, pace, patience) for pace in (_STATUS_PACE, _ONCE))

    def report(
        self, sha: str, *, state: str, name: str, ref: str, pipeline_id: str, description: str, url: str
    ) -> None:
        """Set the status of a commit (`pending`, `running`, `success`, `failed`, `canceled`).

        Without the pipeline's id GitLab would give it to the newest pipeline of the commit: the one that the build
        triggers, while the one that started the build would show it as running for ever. A status of something that has
        not ended is tried once: arriving behind the end, it would count as a new one, and stay.
        """
        status = {
            "state": state,
            "name": name,
            "description": description[:_LIMIT_CHARACTERS],
        }
        known = {"ref": ref, "pipeline_id": pipeline_id, "target_url": url[:_LIMIT_CHARACTERS]}
        status.update({key: value for key, value in known.items() if value})
        try:
            connection = self._hasty if state in _GOES_ON else self._patient
            commit = connection.projects.get(self._project, lazy=True).commits.get(sha, lazy=True)
            commit.statuses.create(status)
        # A token that no header can hold is a ValueError, JSON without end in a refusal a RecursionError.
        except (gitlab.exceptions.GitlabError, requests.RequestException, RecursionError, ValueError) as error:
            code = getattr(error, "response_code", None)
            if code == 400 and _SET_ALREADY in str(error):
                return
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

    def __init__(self, url: str, project: str, token: str, patience: Patience | None = None) -> None:
        self._project = connection(url, token, GITLAB, patience).projects.get(project, lazy=True)

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


class _Connection(gitlab.Gitlab):
    """python-gitlab without patience of its own: it would wait for as long as `Retry-After` says, ten times."""

    def http_request(self, verb: str, path: str, *arguments: Any, **options: Any) -> requests.Response:
        return super().http_request(verb, path, *arguments, **{**options, "max_retries": 0})


class _PatientSession(requests.Session):
    """Sends each request again, at one pace, while what goes wrong will pass by itself."""

    def __init__(self, pace: Pace, patience: Patience) -> None:
        super().__init__()
        self._pace, self._patience = pace, patience

    def request(self, method: str, url: str | bytes, *arguments: Any, **options: Any) -> requests.Response:
        bout = Bout(self._pace, self._patience)
        while True:
            try:
                response = super().request(method, url, *arguments, **options)
            except _BROKEN as error:
                if isinstance(error, requests.exceptions.SSLError) or not bout.pause(what="GitLab does not answer"):
                    raise
                continue
            least_seconds = _asked_pause(response, streamed=bool(options.get("stream")))
            if least_seconds is None or not bout.pause(least_seconds, what=f"GitLab said {response.status_code}"):
                return response


def connection(url: str, token: str, pace: Pace, patience: Patience | None) -> gitlab.Gitlab:
    """Return GitLab's API as the owner of a token; every request goes at this pace."""
    session = _PatientSession(pace, patience or Patience())
    return _Connection(url, private_token=token, timeout=20, session=session)


def _asked_pause(response: requests.Response, *, streamed: bool) -> float | None:
    """Return how many seconds at least another attempt has to wait, None for an answer that can be used."""
    done = 200 <= response.status_code < 300
    complaint = "" if done else response.text[:1000]
    if gitlab_passes(response.status_code, complaint):
        return least_pause_seconds(complaint, asked_seconds(response.headers.get("Retry-After", "")))
    if done and not streamed and not any(part in response.url for part in _FILES):
        return None if _is_json(response) else 0.0
    return None


def _is_json(response: requests.Response) -> bool:
    """Tell whether this is no page that a proxy made up; an answer may also be empty (204)."""
    if not response.content:
        return True
    try:
        response.json()
    except (ValueError, RecursionError):
        return False
    return True


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
