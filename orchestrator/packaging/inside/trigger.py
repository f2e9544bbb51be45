"""Calling the GitLab pipeline that takes the result home: the token is read for this one request."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, quote_plus, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.parameters import read_parameter
from orchestrator.packaging.inside.workspace import Workspace

_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 60.0
_BODY_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What GitLab said: the status, the JSON document (None if it is none), seconds it asks to wait."""

    status: int
    document: Any
    retry_after_seconds: float | None


def trigger(build: Build, workspace: Workspace, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """Start the pipeline, at most once per build; return one sentence.

    Raises ConfigurationError (token, project, settings), Superseded (the ref is gone), MachineryError.
    """
    if workspace.triggered.exists():
        return "the pipeline was already called for this build"
    settings = build.settings.trigger
    token = read_parameter(settings.token_parameter)
    # Written before the request: a request whose answer is lost may have started a pipeline.
    workspace.triggered.touch()
    hint = f"check the trigger token in `{settings.token_parameter}` and the project `{settings.project}`"
    call = Call(settings.api_url, settings.project, build.ref, build.build_id, hint)
    return f"started the pipeline {call_pipeline(call, token, sleep=sleep)}"


@dataclass(frozen=True)
class Call:
    """One pipeline to start: of which project on which ref, for which build. `hint` is for a token that is refused."""

    api_url: str
    project: str
    ref: str
    build_id: str
    hint: str


def call_pipeline(call: Call, token: str, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """Start the pipeline with a trigger token, or the token of a running job; return its address.

    What passes by itself is tried again. Raises ConfigurationError (token, project, settings), Superseded (the ref is
    gone), MachineryError.
    """
    request = _request(call, token)
    for attempt in range(1, _ATTEMPTS + 1):
        answer = _send(request)
        if isinstance(answer, Answer) and not _again(answer):
            return _judge(answer, call, token)
        if attempt < _ATTEMPTS:
            asked = answer.retry_after_seconds if isinstance(answer, Answer) else None
            sleep(_wait_seconds(attempt, asked))
    raise MachineryError(
        f"GitLab could not be told about build `{call.build_id}`",
        detail=f"observed in {_ATTEMPTS} attempts, the last: {_redacted(_describe(answer), token)}",
        hint=f"start a pipeline on that ref with the variable ORCHESTRATOR_BUILD_ID={call.build_id}",
    )


def _request(call: Call, token: str) -> Request:
    """Return the POST; everything is in its body (docs.gitlab.com/api/pipeline_triggers)."""
    form = {"token": token, "ref": call.ref, "variables[ORCHESTRATOR_BUILD_ID]": call.build_id}
    return Request(  # noqa: S310 - the settings allow https, or http on loopback
        f"{call.api_url.rstrip('/')}/projects/{quote(call.project, safe='')}/trigger/pipeline",
        data=urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "codebuild-orchestrator"},
        method="POST",
    )


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would repeat the request, with or without its body, at an address nobody configured."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


def _send(request: Request) -> Answer | str:
    """Return the answer, or a word about why there is none."""
    try:
        try:
            with build_opener(_NoRedirect).open(request, timeout=30) as response:
                return _answer(response)
        except HTTPError as error:
            with error:
                return _answer(error)
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {getattr(error, 'reason', error)}"


def _answer(response: Any) -> Answer:
    text = response.read(_BODY_LIMIT_BYTES)
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    try:
        wait = float(response.headers.get("Retry-After", ""))
    except ValueError:
        wait = None
    return Answer(response.status, document, wait)


def _again(answer: Answer) -> bool:
    undecodable = 200 <= answer.status < 300 and not isinstance(answer.document, dict)
    return answer.status in {408, 429} or answer.status >= 500 or undecodable


def _wait_seconds(attempt: int, asked: float | None) -> float:
    jittered = random.uniform(0.5, 1.0) * 2.0**attempt  # noqa: S311 - jitter is no secret
    return min(max(asked or 0.0, jittered), _LONGEST_WAIT_SECONDS)


def _judge(answer: Answer, call: Call, token: str) -> str:
    if 200 <= answer.status < 300:
        address = answer.document.get("web_url") or answer.document.get("id")
        return _redacted(str(address), token)
    raise _failure(answer, call, token)


def _failure(answer: Answer, call: Call, token: str) -> OrchestratorError:
    what = f"GitLab did not start a pipeline for build `{call.build_id}`"
    detail = "observed: " + _redacted(_describe(answer), token)
    if "set pipeline variables" in detail:
        return ConfigurationError(
            what,
            detail=detail,
            hint="in the GitLab project, Settings > CI/CD > Variables, set `Minimum role to use pipeline variables`"
            " (`ci_pipeline_variables_minimum_override_role`) to the role of the token's owner",
        )
    if answer.status == 400 and "reference not found" in detail.lower():
        return Superseded(what, detail=detail, hint="the branch or tag of this build is gone; nothing is left to do")
    if answer.status in {401, 403, 404}:
        return ConfigurationError(what, detail=detail, hint=call.hint)
    if 300 <= answer.status < 400:
        hint = f"correct the address of GitLab: `{call.api_url}` redirects"
        return Refused(what, detail=detail, hint=hint)
    return ConfigurationError(what, detail=detail, hint="check the rules in `.gitlab-ci.yml` for trigger pipelines")


def _describe(answer: Answer | str) -> str:
    if isinstance(answer, str):
        return answer
    document = answer.document if isinstance(answer.document, dict) else {}
    message = document.get("message", document.get("error", ""))
    text = message if isinstance(message, str) else json.dumps(message)
    return f"HTTP {answer.status} {text[:500]}".strip()


def _redacted(text: str, token: str) -> str:
    """Return the text without the token, however it is spelled."""
    for form in {token, quote(token, safe=""), quote_plus(token), json.dumps(token)[1:-1]}:
        text = text.replace(form, "[redacted]")
    return text
