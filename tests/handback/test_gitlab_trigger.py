"""The call of GitLab by itself: what it waits for, and what it never says."""

from __future__ import annotations

import base64
import json
import time
from email.utils import formatdate
from urllib.parse import quote, quote_plus

import pytest
from handback_world import BUILD_ID, CANARY, STARTED, GitLab
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator import gitlab_trigger
from orchestrator.errors import MachineryError
from orchestrator.gitlab_trigger import Gate, Patience, redacted, start_pipeline


def test_retry_after_may_be_a_date(gitlab: GitLab) -> None:
    """`Retry-After` counts as seconds and as a date."""
    waited: list[float] = []
    gitlab.script = [(503, {"Retry-After": formatdate(time.time() + 30, usegmt=True)}, ""), STARTED]
    pipeline = start_pipeline(
        Gate(gitlab.url, "7", "/t"), CANARY, "main", BUILD_ID, Patience(lambda: 600, waited.append)
    )
    assert (pipeline.id, pipeline.web_url) == ("7", "http://gitlab/p/7")
    assert 25 < waited[0] <= 30


@pytest.mark.parametrize("header", ["", "soon", "-1", "nan", "inf", "1e999", "Thu, 99 Foo 2026"])
def test_a_senseless_retry_after_is_none(header: str) -> None:
    """What is neither a number of seconds nor a date asks for nothing."""
    assert gitlab_trigger._asked_seconds(header) is None


@given(st.integers(1, 5), st.none() | st.floats(0, 1e9))
def test_waits_are_bounded(attempt: int, asked: float | None) -> None:
    """No wait is longer than a minute, and none is shorter than GitLab asks for within that minute."""
    assert min(asked or 0, 60) <= gitlab_trigger._wait_seconds(attempt, asked) <= 60


def test_nobody_there_is_told_without_the_token() -> None:
    """A refused connection is tried five times and ends as machinery."""
    waited: list[float] = []
    patience = Patience(lambda: 600, waited.append)
    with pytest.raises(MachineryError, match=BUILD_ID) as caught:
        start_pipeline(Gate("http://127.0.0.1:9/api/v4", "7", "/t"), CANARY, "main", BUILD_ID, patience)
    assert (len(waited), CANARY in str(caught.value)) == (4, False)


@given(st.text(min_size=8, max_size=40), st.text(max_size=5), st.text(max_size=5))
@example("glptt-" + "?>~" * 4, "ab", "")
def test_no_spelling_of_a_secret_survives(secret: str, before: str, behind: str) -> None:
    """As it is, in URLs, in JSON, or in base64 between other text: nothing that decodes to the secret is left."""
    whole = (before + secret + behind).encode("utf-8", "surrogatepass")
    spelled = {
        secret: secret,
        quote(secret, safe=""): quote(secret, safe=""),
        quote_plus(secret): quote_plus(secret),
        json.dumps(secret)[1:-1]: json.dumps(secret)[1:-1],
    }
    for form, text in spelled.items():
        assert form not in redacted(f"{before}{text}{behind}", secret).replace("[redacted]", "\0")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert "[redacted]" in redacted(encode(whole).decode(), secret)
