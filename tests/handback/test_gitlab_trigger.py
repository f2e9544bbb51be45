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
from orchestrator.gitlab_trigger import Gate, Patience, declares_input, start_pipeline
from orchestrator.redaction import redacted


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
    assert gitlab_trigger.asked_seconds(header) is None


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


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("spec:\n  inputs:\n    orchestrator_build_id:\n      default: ''\n---\njob: {}\n", True),
        ('# why\nspec:\n  inputs:\n    "orchestrator_build_id" :\n---\r\njob: {}\n', True),
        ("spec:\n  inputs:\n    another:\n---\njob: {}\n", False),
        ("spec:\n  inputs:\n    # orchestrator_build_id: no\n    another:\n---\njob: {}\n", False),
        ("job:\n  variables:\n    orchestrator_build_id: x\n", False),
        ("job: {}\n---\nspec:\n  inputs:\n    orchestrator_build_id:\n", False),
        ("variables:\n  orchestrator_build_id: spec:\n", False),
        ("", False),
    ],
)
def test_the_header_of_a_file_says_whether_it_takes_the_input(text: str, declared: bool) -> None:
    """Only what stands in the header counts; a file without it is sent the variable at once, and no failed pipeline."""
    assert declares_input(text) is declared
