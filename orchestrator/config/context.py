"""What GitLab CI tells a job about itself, checked; without any secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.config import shapes
from orchestrator.config.problem import printable
from orchestrator.config.refs import check_ref
from orchestrator.config.secrets import looks_like_secret
from orchestrator.errors import ConfigurationError, Refused


@dataclass(frozen=True)
class Context:
    """The pipeline and job around us; None for what GitLab does not set here, all None at a terminal.

    `commit` and `merge_request_source_commit` are 40 lower-case hexadecimal digits, ids are decimal digits,
    addresses have no credentials and no closing slash, names of branches and tags passed `check_ref`.
    """

    server_url: str | None = None
    api_url: str | None = None
    project_id: str | None = None
    project_path: str | None = None
    project_path_slug: str | None = None
    project_url: str | None = None
    ref: str | None = None
    tag: str | None = None
    commit: str | None = None
    default_branch: str | None = None
    pipeline_id: str | None = None
    pipeline_source: str | None = None
    job_id: str | None = None
    job_url: str | None = None
    user_login: str | None = None
    merge_request_iid: str | None = None
    merge_request_project_id: str | None = None
    merge_request_source_project_id: str | None = None
    merge_request_source_branch: str | None = None
    merge_request_source_commit: str | None = None
    merge_request_target_branch: str | None = None

    @property
    def is_fork(self) -> bool:
        """Whether the pipeline runs for a merge request whose code comes from another project."""
        source = self.merge_request_source_project_id
        return source is not None and source != (self.merge_request_project_id or self.project_id)


def from_environment(environment: Mapping[str, str]) -> Context:
    """Return what the variables tell; an empty variable counts as unset.

    Raises ConfigurationError naming every variable of the wrong form, and Refused for the name of a branch
    or tag that we do not carry.
    """
    values: dict[str, str] = {}
    found: list[str] = []
    for field, (variable, check) in _VARIABLES.items():
        text = environment.get(variable)
        if not text:
            continue
        try:
            values[field] = check(text)
        except ValueError as error:
            shown = "a value that is not shown" if looks_like_secret(text) else f"`{printable(text)}`"
            found.append(f"{variable}: {error}, found {shown}")
    if found:
        raise ConfigurationError(
            "CI variables have values that GitLab does not give them",
            detail="\n".join(found),
            hint="remove what overrides these variables in `.gitlab-ci.yml`, the pipeline or the project",
        )
    return Context(**values)


def require_pipeline(environment: Mapping[str, str]) -> None:
    """Make sure that a job knows its pipeline and its ref; at a terminal there are none.

    Raises Refused: a variable that GitLab sets in every job is empty only if somebody, such as the holder of a trigger
    token, has emptied it. A job is told from a terminal by variables that are there, whatever is in them.
    """
    if not any(name in environment for name in _IN_EVERY_JOB):
        return
    empty = [name for name in ("CI_COMMIT_REF_NAME", "CI_PIPELINE_ID") if not environment.get(name)]
    if empty:
        raise Refused(
            f"this job has no {' and no '.join(empty)}",
            detail=f"observed: {' and '.join(empty)} empty or unset\n"
            "expected: what GitLab sets in every job, because a package goes to one pipeline of one ref",
            hint="somebody has overridden it: look at the variables of this pipeline",
        )


def _form(pattern: str, expected: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not shapes.matches(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return check


_commit = _form(shapes.SHA_PATTERN, "40 lower-case hexadecimal digits")
_id = _form(shapes.ID_PATTERN, "a whole number")
_path = _form(shapes.PROJECT_PATTERN, "the path of a project such as `group/name`")
_slug = _form(r"^[a-z0-9-]{1,63}$", "lower-case letters, digits and hyphens")
_word = _form(r"^[a-z_]{1,64}$", "a word such as `push`")
_login = _form(r"^[A-Za-z0-9_.-]{1,255}$", "the name of a user: letters, digits and `_ . -`")

# GitLab docs: predefined CI/CD variables. Some of the values are used by nobody, and are looked at because a form that
# GitLab does not give them says that somebody has overridden predefined variables.
_IN_EVERY_JOB = ("GITLAB_CI", "CI_JOB_TOKEN")
_VARIABLES: dict[str, tuple[str, Callable[[str], str]]] = {
    "server_url": ("CI_SERVER_URL", shapes.url),
    "api_url": ("CI_API_V4_URL", shapes.url),
    "project_id": ("CI_PROJECT_ID", _id),
    "project_path": ("CI_PROJECT_PATH", _path),
    "project_path_slug": ("CI_PROJECT_PATH_SLUG", _slug),
    "project_url": ("CI_PROJECT_URL", shapes.url),
    "ref": ("CI_COMMIT_REF_NAME", check_ref),
    "tag": ("CI_COMMIT_TAG", check_ref),
    "commit": ("CI_COMMIT_SHA", _commit),
    "default_branch": ("CI_DEFAULT_BRANCH", check_ref),
    "pipeline_id": ("CI_PIPELINE_ID", _id),
    "pipeline_source": ("CI_PIPELINE_SOURCE", _word),
    "job_id": ("CI_JOB_ID", _id),
    "job_url": ("CI_JOB_URL", shapes.url),
    "user_login": ("GITLAB_USER_LOGIN", _login),
    "merge_request_iid": ("CI_MERGE_REQUEST_IID", _id),
    "merge_request_project_id": ("CI_MERGE_REQUEST_PROJECT_ID", _id),
    "merge_request_source_project_id": ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", _id),
    "merge_request_source_branch": ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", check_ref),
    "merge_request_source_commit": ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", _commit),
    "merge_request_target_branch": ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", check_ref),
}
