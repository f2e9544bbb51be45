"""Guarantees about what CI variables tell of the pipeline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import Context, from_environment
from orchestrator.errors import ConfigurationError, OrchestratorError, Refused

CI = {
    "CI_SERVER_URL": "https://gitlab.com",
    "CI_API_V4_URL": "https://gitlab.com/api/v4",
    "CI_PROJECT_ID": "42",
    "CI_PROJECT_PATH": "group/sub.group/name",
    "CI_PROJECT_PATH_SLUG": "group-sub-group-name",
    "CI_PROJECT_URL": "http://127.0.0.1:8080/group/name",
    "CI_COMMIT_REF_NAME": "feature/x",
    "CI_COMMIT_SHA": "0123456789abcdef0123456789abcdef01234567",
    "CI_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_ID": "1001",
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_JOB_ID": "2002",
    "CI_JOB_URL": "https://gitlab.com/group/name/-/jobs/2002",
    "GITLAB_USER_LOGIN": "jane.doe",
    "CI_JOB_TOKEN": "canary-secret",
}


def test_everything_is_taken_over_except_secrets() -> None:
    """The variables of a real job give a context, and no token is in it."""
    context = from_environment(CI)
    assert context.commit == CI["CI_COMMIT_SHA"]
    assert context.ref == "feature/x"
    assert context.tag is None
    assert context.job_url == CI["CI_JOB_URL"]
    assert "canary" not in repr(context)


def test_a_terminal_has_no_context() -> None:
    """Without CI variables, or with empty ones, everything is None."""
    assert from_environment({}) == Context() == from_environment(dict.fromkeys(CI, ""))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CI_COMMIT_SHA", "0123abc"),
        ("CI_COMMIT_SHA", "0123456789ABCDEF0123456789abcdef01234567"),
        ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567\n"),
        ("CI_PROJECT_ID", "-1"),
        ("CI_PROJECT_ID", "١٢"),
        ("CI_PIPELINE_ID", "1 or 1"),
        ("CI_PROJECT_PATH", "../../other"),
        ("CI_PROJECT_URL", "https://oauth2:canary@gitlab.com/a/b"),
        ("CI_API_V4_URL", "file:///etc/passwd"),
        ("CI_API_V4_URL", "https://gitlab.com/../x"),
        ("CI_PIPELINE_SOURCE", "push;id"),
        ("GITLAB_USER_LOGIN", "$(id)"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(variable: str, value: str) -> None:
    """A variable that somebody overrode is named; credentials in it are not shown."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({**CI, variable: value})
    assert caught.value.detail.startswith(f"{variable}: expected")
    assert "canary" not in str(caught.value)


def test_all_wrong_variables_are_named_at_once() -> None:
    """Two wrong variables give two lines."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({**CI, "CI_PROJECT_ID": "x", "CI_JOB_ID": "y"})
    assert len(caught.value.detail.splitlines()) == 2


@pytest.mark.parametrize("variable", ["CI_COMMIT_REF_NAME", "CI_COMMIT_TAG"])
def test_a_dangerous_branch_is_refused_for_safety(variable: str) -> None:
    """A branch or tag name that could be read as anything but a name ends with exit code 5."""
    with pytest.raises(Refused, match="prod/db,type=SECRETS_MANAGER"):
        from_environment({**CI, variable: "prod/db,type=SECRETS_MANAGER"})


def test_a_fork_is_recognised() -> None:
    """A merge request from another project is told apart from one of our own."""
    own = {**CI, "CI_MERGE_REQUEST_PROJECT_ID": "42", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42"}
    assert not from_environment(own).is_fork
    assert from_environment({**own, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7"}).is_fork
    assert not from_environment(CI).is_fork


@given(environment=st.dictionaries(st.sampled_from(sorted(CI)), st.text()))
def test_any_values_give_a_context_or_an_error_of_ours(environment: dict[str, str]) -> None:
    """No value of a variable makes anything but a context or an explained refusal."""
    try:
        from_environment(environment)
    except OrchestratorError as error:
        assert error.exit_code in (2, 5)
