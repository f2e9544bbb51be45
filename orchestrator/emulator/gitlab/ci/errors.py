"""How a configuration is refused: with all its problems, worded as GitLab words them."""

from __future__ import annotations


class ConfigError(Exception):
    """The CI configuration cannot be used; `problems` are the messages a person sees."""

    def __init__(self, *problems: str) -> None:
        super().__init__(", ".join(problems))
        self.problems = list(problems)


class Filtered(Exception):
    """The rules allow no pipeline at all; the message is GitLab's."""


NO_JOBS = (
    "Pipeline will not run for the selected trigger. "
    "The rules configuration prevented any jobs from being added to the pipeline."
)
WORKFLOW = "Pipeline filtered out by workflow rules."
