"""The one request that takes a result home: GitLab's trigger API, called stubbornly and politely.

It travels with the Lambda function of `handback` and with the zipapp of a build, so it imports nothing but the standard
library, `errors`, `patience` and `redaction`.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from math import inf
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.patience import GITLAB, Bout, Patience
from orchestrator.redaction import redacted

INPUT = "orchestrator_build_id"
VARIABLE = "ORCHESTRATOR_BUILD_ID"

# GitLab limits the pipelines that a user makes of a commit in a minute, and says so with 400, 422 or 429
# (lib/gitlab/ci/pipeline/chain/limit/rate_limit.rb).
_TOO_MANY = "too many pipelines created"
_TOO_MANY_SECONDS = 60.0
_REQUEST_SECONDS = 30.0
_BODY_LIMIT_BYTES = 1024 * 1024
# The input, named in the header of a pipeline's file (GitLab docs: ci/inputs). This module may use no YAML parser.
_DECLARED = re.compile(rf"""^[ \t]+["']?{INPUT}["']?[ \t]*:""", re.MULTILINE)


@dataclass(frozen=True)
class Gate:
    """The GitLab project to call, and the name of the SSM parameter that holds its trigger token.

    `inputs` says whether the build id is offered as the pipeline input first (GitLab 17.11 or newer). `hint` is what
    to check when GitLab refuses the token; by default the parameter.
    """

    api_url: str
    project: str
    token_parameter: str
    inputs: bool = True
    hint: str = ""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that GitLab has accepted; either may be empty in a strange answer.

    `remark` says what should be changed in the project although the pipeline was started, empty for nothing.
    """

    id: str
    web_url: str
    remark: str = ""


@dataclass(frozen=True)
class Answer:
    """What GitLab said: the status, the JSON document (None if it is none), seconds it asks to wait."""

    status: int
    document: Any
    retry_after_seconds: float | None


def start_pipeline(gate: Gate, token: str, ref: str, build_id: str, patience: Patience | None = None) -> Pipeline:
    """Start a pipeline on `ref` that is told the build id and nothing else.

    Asked again at the pace of `patience.GITLAB` on 408, 429, 5xx, broken connections, answers that are no JSON, and
    a minute later when there were too many pipelines; a repeated request may start a second pipeline, which postbuild
    has to notice. Raises ConfigurationError (token, project, settings,
    `.gitlab-ci.yml`), Superseded (the ref is gone), Refused (a redirect), MachineryError (try later). No message
    holds the token.
    """
    patience, remark = patience or Patience(), ""
    if gate.inputs:
        answer = _answer_to(gate, token, ref, build_id, f"inputs[{INPUT}]", patience)
        if not _refuses_the_input(answer):
            return _judged(answer, gate, token, build_id)
        remark = _remark(answer, token)
    answer = _answer_to(gate, token, ref, build_id, f"variables[{VARIABLE}]", patience)
    return replace(_judged(answer, gate, token, build_id), remark=remark)


def declares_input(text: str) -> bool:
    """Tell whether a `.gitlab-ci.yml` has the input in its header, as far as its text shows.

    A wrong answer does no harm: the other way is tried next, or the value arrives as a variable.
    """
    header, ends, _ = text.partition("\n---")
    return bool(ends) and "spec:" in header and bool(_DECLARED.search(header))


def _answer_to(gate: Gate, token: str, ref: str, build_id: str, carrier: str, patience: Patience) -> Answer:
    """Post until there is an answer that can be judged."""
    request = _request(gate, {"token": token, "ref": ref, carrier: build_id})
    last = "no attempt: no time was left"
    bout = Bout(GITLAB, patience)
    while (left := bout.left_seconds()) >= 1:
        answer = _sent(request, min(_REQUEST_SECONDS, left))
        if isinstance(answer, Answer) and not _again(answer):
            return answer
        last = _described(answer)
        if not bout.pause(_asked_pause(answer), what="GitLab did not answer"):
            break
    raise MachineryError(
        f"GitLab could not be told about build `{build_id}`",
        detail=f"observed at the last attempt: {redacted(last, token)}\n"
        f"expected: HTTP 201 within {GITLAB.attempts} attempts",
        hint=f"start a pipeline on that ref with the variable {VARIABLE}={build_id}",
    )


def _request(gate: Gate, form: dict[str, str]) -> Request:
    """Return the POST; everything is in its body (docs.gitlab.com/api/pipeline_triggers), nothing in its address."""
    return Request(  # noqa: S310 - settings allow https, or http on loopback
        f"{gate.api_url.rstrip('/')}/projects/{quote(gate.project, safe='')}/trigger/pipeline",
        data=urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "codebuild-orchestrator"},
        method="POST",
    )


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would repeat the request, with or without its body, at an address nobody configured."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


def _sent(request: Request, timeout_seconds: float) -> Answer | str:
    """Return the answer, or a word about why there is none."""
    try:
        try:
            with build_opener(_NoRedirect).open(request, timeout=timeout_seconds) as response:
                return _read(response)
        except HTTPError as error:
            with error:
                return _read(error)
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {getattr(error, 'reason', error)}"


def _read(response: Any) -> Answer:
    text = response.read(_BODY_LIMIT_BYTES)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    return Answer(response.status, document, asked_seconds(response.headers.get("Retry-After", "")))


def gitlab_passes(status: int, complaint: str) -> bool:
    """Tell whether what GitLab answered will pass by itself; `complaint` is its message."""
    return status in {408, 429} or status >= 500 or _TOO_MANY in complaint.lower()


def least_pause_seconds(complaint: str, retry_after_seconds: float | None) -> float:
    """Return how long GitLab wants to be left alone: what it asks for; a minute if there were too many pipelines."""
    asked = retry_after_seconds or 0.0
    return max(asked, _TOO_MANY_SECONDS) if _TOO_MANY in complaint.lower() else asked


def asked_seconds(header: str) -> float | None:
    """Return how long `Retry-After` asks to wait; it is a number of seconds or a date (RFC 9110)."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds < inf else None


def _again(answer: Answer) -> bool:
    return gitlab_passes(answer.status, _complaint(answer)) or (200 <= answer.status < 300 and not _is_pipeline(answer))


def _is_pipeline(answer: Answer) -> bool:
    """Tell GitLab's own answer from what somebody between us made up, such as `{"message": "maintenance"}`."""
    document = answer.document
    return isinstance(document, dict) and (isinstance(document.get("id"), int) or bool(document.get("yaml_errors")))


def _asked_pause(answer: Answer | str) -> float:
    """Return how long the next attempt has to wait at least."""
    return 0.0 if isinstance(answer, str) else least_pause_seconds(_complaint(answer), answer.retry_after_seconds)


def _refuses_the_input(answer: Answer) -> bool:
    """Tell whether GitLab made nothing, or a failed pipeline without jobs, of a request with an input.

    Of a file that declares no such input GitLab makes a pipeline that fails for its YAML; it answers 201 with
    `yaml_errors`, and newer versions 422 (app/services/ci/pipeline_trigger_service.rb). Its words may be translated,
    so they are not read; with a file that is wrong altogether, the second request fails like the first.
    """
    return answer.status == 422 or (answer.status < 300 and bool(answer.document.get("yaml_errors")))


def _remark(answer: Answer, token: str) -> str:
    return (
        f"GitLab did not take the build id as the input `{INPUT}`, so it went as the variable {VARIABLE}. The failed "
        "pipeline before this one will not appear if `.gitlab-ci.yml` on that ref declares the input, or if "
        f"orchestrator.yml says `handback: {{inputs: false}}`. GitLab said: {redacted(_described(answer), token)}"
    )


def _judged(answer: Answer, gate: Gate, token: str, build_id: str) -> Pipeline:
    if 200 <= answer.status < 300 and not answer.document.get("yaml_errors"):
        document = answer.document
        return Pipeline(*(redacted(str(document.get(name, ""))[:500], token) for name in ("id", "web_url")))
    what = f"GitLab did not start a pipeline for build `{build_id}`"
    raise _failure(what, answer, "observed: " + redacted(_described(answer), token), gate)


def _failure(what: str, answer: Answer, detail: str, gate: Gate) -> OrchestratorError:
    if "set pipeline variables" in detail:
        return ConfigurationError(
            what,
            detail=detail,
            hint="in the GitLab project, Settings > CI/CD > Variables, set `Minimum role to use pipeline variables`"
            " (`ci_pipeline_variables_minimum_override_role`) to the role of the token's owner, or declare the input"
            f" `{INPUT}` in `.gitlab-ci.yml`, which needs no such setting",
        )
    if answer.status == 400 and "reference not found" in detail.lower():
        return Superseded(what, detail=detail, hint="the branch or tag of this build is gone; nothing is left to do")
    if answer.status in {401, 403, 404}:
        hint = f"check the trigger token in `{gate.token_parameter}` and the project `{gate.project}`"
        return ConfigurationError(what, detail=detail, hint=gate.hint or hint)
    if 300 <= answer.status < 400:
        return Refused(what, detail=detail, hint=f"correct the address of GitLab: `{gate.api_url}` redirects")
    if answer.status < 300 or answer.status == 422:
        return ConfigurationError(what, detail=detail, hint="correct `.gitlab-ci.yml` on that ref, then tell it again")
    return ConfigurationError(what, detail=detail, hint="check the rules in `.gitlab-ci.yml` for trigger pipelines")


def _described(answer: Answer | str) -> str:
    return answer if isinstance(answer, str) else f"HTTP {answer.status} {_complaint(answer)[:500]}".strip()


def _complaint(answer: Answer) -> str:
    """Return what GitLab complains about, as one text; empty if it does not."""
    document = answer.document if isinstance(answer.document, dict) else {}
    message = document.get("yaml_errors") or document.get("message") or document.get("error") or ""
    return message if isinstance(message, str) else json.dumps(message)
