"""What a GitLab project answers, in our words: records, and failures that are for the caller to mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml
from gitlab.exceptions import GitlabError, GitlabHttpError

from orchestrator.effects.gitlab import gitlab_errors
from orchestrator.errors import ConfigurationError
from orchestrator.onboarding_ports import CiVariable, MergeRequest, Raced

GONE = 404
_DENIED = 403
# What GitLab answers to somebody who comes second.
_SECOND = ("already exists", "already been taken", "doesn't exist", "has changed")


@contextmanager
def project_errors(what: str) -> Iterator[None]:
    """Like `gitlab_errors`; what is not there or not allowed is for the caller to mend (exit 2)."""
    with gitlab_errors(what):
        try:
            yield
        except GitlabError as error:
            if error.response_code == _DENIED:
                raise ConfigurationError(
                    what,
                    detail=f"observed: GitLab answered 403: {error.error_message}\n"
                    "expected: a token with the scope `api`, of a maintainer of the project",
                    hint="give ORCHESTRATOR_GITLAB_TOKEN such a token",
                ) from error
            if error.response_code == GONE:
                raise ConfigurationError(
                    what,
                    detail="observed: GitLab answered 404\nexpected: something that this token may see",
                    hint="check `gitlab.url` and `gitlab.project`, and whose token ORCHESTRATOR_GITLAB_TOKEN is",
                ) from error
            raise


@contextmanager
def already_gone() -> Iterator[None]:
    """Take it for done that what is to go is not there."""
    try:
        yield
    except GitlabError as error:
        if error.response_code != GONE:
            raise


@contextmanager
def or_raced(what: str) -> Iterator[None]:
    """Tell somebody who comes second from whatever else may be wrong."""
    try:
        yield
    except (GitlabError, GitlabHttpError) as error:
        code, complaint = error.response_code, str(error.error_message)
        second = code in (400, 409) and any(words in complaint for words in _SECOND)
        if second or code == GONE:
            raise Raced(f"{what} was made or changed by somebody else", hint="run it again") from error
        raise


def variable_of(item: Mapping[str, Any]) -> CiVariable:
    """Return a CI/CD variable."""
    return CiVariable(
        key=str(item["key"]),
        value=item.get("value"),
        protected=bool(item.get("protected")),
        masked=bool(item.get("masked")),
        description=str(item.get("description") or ""),
    )


def request_of(item: Mapping[str, Any]) -> MergeRequest:
    """Return a merge request with the commit that has brought it in, whichever way it was merged."""
    merged = item.get("merge_commit_sha") or item.get("squash_commit_sha") or item.get("sha")
    return MergeRequest(
        iid=int(item["iid"]),
        state=str(item["state"]),
        title=str(item["title"]),
        description=str(item.get("description") or ""),
        source_branch=str(item["source_branch"]),
        url=str(item["web_url"]),
        commit=str(merged or "") if item["state"] == "merged" else "",
    )


def merged_of(text: str | None) -> Mapping[str, Any]:
    """Return what CI lint says that a configuration comes to; nothing if it says nothing."""
    try:
        found = yaml.safe_load(text or "")
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}
