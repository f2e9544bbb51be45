"""What a job that waits for its builds needs of the pipeline around it: jobs that fit, and enough time."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.cli.screen import narrate
from orchestrator.errors import ConfigurationError
from orchestrator.plan.model import Plan
from orchestrator.vocabulary import Return

# Set by the jobs of the templates: for which `return` of orchestrator.yml they were made.
JOBS_RETURN = "ORCHESTRATOR_JOBS_RETURN"


def require_fitting_jobs(plan: Plan, environment: Mapping[str, str]) -> None:
    """Make sure that the jobs of this pipeline were made for `return: wait` if that is configured, and only then.

    Otherwise a package would be built and nobody would bring it home, or two pipelines would. Raises
    `ConfigurationError`; jobs that do not tell, such as those of the user's own, are taken as they are.
    """
    told = environment.get(JOBS_RETURN)
    if not told or (told == Return.WAIT) == (plan.return_ is Return.WAIT):
        return
    wanted = plan.return_ if plan.return_ is Return.WAIT else f"{Return.TRIGGER}` or `{Return.EVENT}"
    raise ConfigurationError(
        f"the jobs of this pipeline do not fit to `return: {plan.return_}` in orchestrator.yml",
        detail=f"observed: jobs for `return: {told[:20]!a:.30}`\nexpected: jobs for `return: {wanted}`".replace(
            "'", ""
        ),
        hint=f"give the component the input `return: {plan.return_}` "
        f"(with the plain file: the variable `ORCHESTRATOR_RETURN: {plan.return_}`)",
    )


def warn_of_short_job(plan: Plan, environment: Mapping[str, str]) -> None:
    """Say so when GitLab may end this job before the builds that it waits for; `CI_JOB_TIMEOUT` is in seconds."""
    told = environment.get("CI_JOB_TIMEOUT", "")
    if not told.isascii() or not told.isdecimal() or len(told) > 9:
        return
    if int(told) < 60 * plan.longest_minutes:
        narrate(
            f"GitLab ends this job after {int(told) // 60} minutes, and a build may take {plan.longest_minutes} with "
            "its time in the queue: raise `timeout:` of the job (the input `build_timeout` of the component), or lower "
            "`build.timeout_minutes` and `build.queue_timeout_minutes`"
        )
