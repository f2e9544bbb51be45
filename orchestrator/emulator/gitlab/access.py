"""Who is asking, and what they may do: tokens, job tokens and roles."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime, timezone

from werkzeug import Request

from orchestrator.emulator.gitlab.records import OWNER, REPORTER, AccessToken, Job, Project, User
from orchestrator.emulator.gitlab.state import State

ALL_SCOPES = frozenset({"api", "read_api", "read_repository", "write_repository", "read_user"})


@dataclass(frozen=True)
class Identity:
    """An authenticated caller: a user by an access token, or a running job by its job token."""

    user: User
    scopes: frozenset[str]
    token: AccessToken | None = None
    job: Job | None = None

    def level(self, project: Project) -> int:
        """Return the caller's role in a project as GitLab's number (0: none, 30: developer, 50: owner)."""
        if self.user.state == "blocked":
            return 0
        if self.token is not None and self.token.project_id is not None:
            return self.token.access_level if self.token.project_id == project.id else 0
        if self.user.admin or project.creator_id == self.user.id:
            return OWNER
        granted = project.members.get(str(self.user.id), 0)
        visible = REPORTER if project.visibility in {"public", "internal"} else 0
        return max(granted, visible)


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())


def _expired(token: AccessToken) -> bool:
    return token.expires_at is not None and token.expires_at <= datetime.now(timezone.utc).date().isoformat()


def identify_token(state: State, secret: str) -> Identity | None:
    """Return whom an access token stands for; None when it is unknown, revoked or expired."""
    if not secret:
        return None
    if _same(secret, state.root_token):
        return Identity(next(user for user in state.users.values() if user.admin), ALL_SCOPES)
    with state.lock:
        for token in state.tokens.values():
            if _same(secret, token.token) and not token.revoked and not _expired(token):
                return Identity(state.users[token.user_id], frozenset(token.scopes), token=token)
    return None


def job_of_token(state: State, secret: str) -> Job | None:
    """Return the job a job token was made for, also when that job has ended."""
    if not secret:
        return None
    with state.lock:
        return next((job for job in state.jobs.values() if job.token and _same(secret, job.token)), None)


def identify_job(state: State, secret: str) -> Identity | None:
    """Return whom a job token stands for; it lives exactly as long as its job runs."""
    job = job_of_token(state, secret)
    if job is None or job.status not in {"running", "canceling"}:
        return None
    return Identity(state.users[job.user_id], frozenset(), job=job)


def basic_password(header: str) -> tuple[str, str] | None:
    """Return user name and password of a `Basic` authorization header."""
    scheme, _, blob = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(blob.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def given_secrets(request: Request) -> list[str]:
    """Return every access token that a request carries, wherever GitLab looks for one."""
    header = request.headers.get("Authorization", "")
    bearer = header[7:].strip() if header[:7].lower() == "bearer " else ""
    found = [
        request.headers.get("PRIVATE-TOKEN", ""),
        bearer,
        request.args.get("private_token", ""),
        request.args.get("access_token", ""),
    ]
    return [secret for secret in found if secret]


def given_job_token(request: Request) -> str:
    """Return the job token that a request carries, or an empty text."""
    return request.headers.get("JOB-TOKEN", "") or request.args.get("job_token", "")


def identify_basic(state: State, request: Request) -> Identity | None:
    """Return whom the basic credentials of a request stand for; the user name is free."""
    pair = basic_password(request.headers.get("Authorization", ""))
    if pair is None:
        return None
    return identify_token(state, pair[1]) or identify_job(state, pair[1])
