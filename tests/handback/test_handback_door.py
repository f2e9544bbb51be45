"""What the function lets in: events about its own builds, and settings that can be right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from handback_world import BUILD_ID, Function
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import OrchestratorError, Refused
from orchestrator.handback.settings import VARIABLE

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
_NEARLY = st.fixed_dictionaries(
    {
        "source": st.just("aws.codebuild") | _JSON,
        "detail-type": st.just("CodeBuild Build State Change") | _JSON,
        "detail": _JSON
        | st.fixed_dictionaries(
            {
                "build-id": _JSON
                | st.from_regex(r"[a-z-]{2,20}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", fullmatch=True)
                | st.sampled_from(
                    [
                        f"{BUILD_ID}\n",
                        f" {BUILD_ID}",
                        f"demo-parser2:{BUILD_ID[12:]}",
                        BUILD_ID.upper(),
                        f"arn:aws:codebuild:eu-central-1:999999999999:build/{BUILD_ID}",
                        f"arn:aws:codebuild:us-east-1:123456789012:build/{BUILD_ID}",
                        f"arn:aws:codebuild:eu-central-1:123456789012:build/../{BUILD_ID}",
                        f"arn:aws:codebuild:eu-central-1:123456789012:build-batch/{BUILD_ID}",
                    ]
                )
            }
        ),
    }
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_JSON | _NEARLY)
def test_whatever_else_arrives_calls_nobody(function: Function, given: object) -> None:
    """JSON that is no event about one of our builds is refused in so many words, and nothing is asked or sent."""
    with pytest.raises(Refused) as caught:
        function(given if given is not None else "null")
    assert "expected: " in caught.value.detail
    assert (function.asked, function.gitlab.requests) == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        {"api_url": "http://gitlab.example.com/api/v4"},
        {"api_url": "https://u:p@gitlab.example.com"},
        {"api_url": "https://[x"},
        {"bucket": "A"},
        {"dead_letter_queue_url": ""},
        {"gitlab_project": "../x"},
        {"inputs": "yes"},
        {"owner": "1"},
        {"prefix": "/x"},
        {"projects": []},
        {"projects": ["x*"]},
        {"region": "here"},
        {"token_parameter": "a b"},
    ],
)
def test_wrong_settings_are_named(function: Function, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    """A setting that cannot be right stops the function with the name of the field."""
    monkeypatch.setenv(VARIABLE, json.dumps({**function.settings, **change}))
    with pytest.raises(OrchestratorError, match=f"`{next(iter(change))}` in {VARIABLE}") as caught:
        function()
    assert caught.value.exit_code == 2
    for text in ("", "x", "[]"):
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(OrchestratorError, match=f"^{VARIABLE} is wrong"):
            function()
