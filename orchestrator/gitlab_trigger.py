"""The one request that takes a result home: GitLab's trigger API, called stubbornly and politely.

It travels with the Lambda function of `handback` and with the zipapp of a build, so it imports nothing but the standard
library and `errors`.
"""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from math import inf
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, quote_plus, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded

INPUT = "orchestrator_build_id"
VARIABLE = "ORCHESTRATOR_BUILD_ID"

_ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 60.0
_REQUEST_SECONDS = 30.0
_BODY_LIMIT_BYTES = 1024 * 1024
# What GitLab says in `yaml_errors` of a pipeline whose file declares no such input (lib/gitlab/ci/config/yaml).
_NO_SUCH_INPUT = ("unknown input arguments", "inputs not defined in the `spec` section")


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
class Patience:
    """How much time is left, in seconds, and how to let some of it pass."""

    remaining_seconds: Callable[[], float] = lambda: inf
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that GitLab has accepted; either may be empty in a strange answer."""

    id: str
    web_url: str


@dataclass(frozen=True)
class Answer:
    """What GitLab said: the status, the JSON document (None if it is none), seconds it asks to wait."""

    status: int
    document: Any
    retry_after_seconds: float | None


def start_pipeline(gate: Gate, token: str, ref: str, build_id: str, patience: Patience | None = None) -> Pipeline:
    """Start a pipeline on `ref` that is told the build id and nothing else.

    Up to five attempts on 408, 429, 5xx, broken connections and answers that are no JSON; a repeated request may
    start a second pipeline, which postbuild has to notice. Raises ConfigurationError (token, project, settings,
    `.gitlab-ci.yml`), Superseded (the ref is gone), Refused (a redirect), MachineryError (try later). No message
    holds the token.
    """
    patience = patience or Patience()
    if gate.inputs:
        answer = _answer_to(gate, token, ref, build_id, f"inputs[{INPUT}]", patience)
        if not _lacks_the_input(answer):
            return _judged(answer, gate, token, build_id)
    answer = _answer_to(gate, token, ref, build_id, f"variables[{VARIABLE}]", patience)
    return _judged(answer, gate, token, build_id)


def redacted(text: str, secret: str) -> str:
    """Return the text without the secret, in whichever of its usual spellings it appears."""
    for form in _spellings(secret):
        text = text.replace(form, "[redacted]")
    return text


def _spellings(secret: str) -> list[str]:
    """Return a secret as itself, as in URLs, in JSON, and in base64 at each of its three alignments; longest first."""
    forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    raw = secret.encode("utf-8", "surrogatepass")
    for shift in range(3):
        # Characters that also depend on what stands before or behind the secret are left out.
        first, last = (shift * 8 + 5) // 6, (shift + len(raw)) * 8 // 6
        padded = b"\0" * shift + raw
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded).decode()[first:last])
    return sorted((form for form in forms if len(form) >= min(8, len(secret) or 1)), key=len, reverse=True)


def _answer_to(gate: Gate, token: str, ref: str, build_id: str, carrier: str, patience: Patience) -> Answer:
    """Post until there is an answer that can be judged."""
    request = _request(gate, {"token": token, "ref": ref, carrier: build_id})
    last = "no attempt: no time was left"
    for attempt in range(1, _ATTEMPTS + 1):
        left = patience.remaining_seconds()
        if left < 1:
            break
        answer = _sent(request, min(_REQUEST_SECONDS, left))
        if isinstance(answer, Answer) and not _again(answer):
            return answer
        last = _described(answer)
        wait = _wait_seconds(attempt, answer.retry_after_seconds if isinstance(answer, Answer) else None)
        if attempt == _ATTEMPTS or wait >= patience.remaining_seconds():
            break
        patience.sleep(wait)
    raise MachineryError(
        f"GitLab could not be told about build `{build_id}`",
        detail=f"observed at the last attempt: {redacted(last, token)}\nexpected: HTTP 201 within {_ATTEMPTS} attempts",
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
    return Answer(response.status, document, _asked_seconds(response.headers.get("Retry-After", "")))


def _asked_seconds(header: str) -> float | None:
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
    undecodable = 200 <= answer.status < 300 and not isinstance(answer.document, dict)
    return answer.status in {408, 429} or answer.status >= 500 or undecodable


def _wait_seconds(attempt: int, asked: float | None) -> float:
    """Return a pause with full jitter, and not less than GitLab asks for, up to a minute."""
    jittered = random.uniform(0, _FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1))  # noqa: S311 - jitter is no secret
    return min(max(asked or 0.0, jittered), _LONGEST_WAIT_SECONDS)


def _lacks_the_input(answer: Answer) -> bool:
    text = _complaint(answer)
    return any(sentence in text for sentence in _NO_SUCH_INPUT)


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
            " (`ci_pipeline_variables_minimum_override_role`) to the role of the token's owner",
        )
    if answer.status == 400 and "reference not found" in detail.lower():
        return Superseded(what, detail=detail, hint="the branch or tag of this build is gone; nothing is left to do")
    if answer.status in {401, 403, 404}:
        hint = f"check the trigger token in `{gate.token_parameter}` and the project `{gate.project}`"
        return ConfigurationError(what, detail=detail, hint=gate.hint or hint)
    if 300 <= answer.status < 400:
        return Refused(what, detail=detail, hint=f"correct the address of GitLab: `{gate.api_url}` redirects")
    if answer.status < 300:
        return ConfigurationError(what, detail=detail, hint="correct `.gitlab-ci.yml` on that ref, then tell it again")
    return ConfigurationError(what, detail=detail, hint="check the rules in `.gitlab-ci.yml` for trigger pipelines")


def _described(answer: Answer | str) -> str:
    return answer if isinstance(answer, str) else f"HTTP {answer.status} {_complaint(answer)[:500]}".strip()


def _complaint(answer: Answer) -> str:
    """Return what GitLab complains about, as one text; empty if it does not."""
    document = answer.document if isinstance(answer.document, dict) else {}
    message = document.get("yaml_errors") or document.get("message") or document.get("error") or ""
    return message if isinstance(message, str) else json.dumps(message)
