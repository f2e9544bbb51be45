"""Every way to fail: one class, one exit code, one hint.

The exit codes are a contract with pipelines (`retry: exit_codes`, `allow_failure: exit_codes`):

====  =============================================  ==================================
code  class of failure                               whose move
====  =============================================  ==================================
0     done                                           nobody
1     the build itself failed                        the developer of the package
2     configuration or usage                         the author of `orchestrator.yml`
3     machinery: AWS, GitLab, Terraform, network     nobody, retrying is safe
4     superseded, stopped or cancelled               nobody
5     refused for safety                             a person must look
70    our bug                                        us
====  =============================================  ==================================

This module imports nothing but the standard library, because it also travels inside the build.
"""

from __future__ import annotations


class OrchestratorError(Exception):
    """A failure that a user can understand and act on.

    `what` names the subject of the failure in one line, `detail` says what was observed and what was
    expected (it may have several lines), `hint` gives one action. None of them may hold a secret.
    """

    exit_code = 70

    def __init__(self, what: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.detail = detail
        self.hint = hint

    @property
    def in_short(self) -> str:
        """What failed, and what was observed as far as that is known, without the hint."""
        return f"{self.what}: {self.detail}" if self.detail else self.what

    def __str__(self) -> str:
        """Return the message as it is printed: what, then detail, then after a blank line the hint."""
        text = self.what
        if self.detail:
            text += f"\n{self.detail}"
        if self.hint:
            text += f"\n\nhint: {self.hint}"
        return text


class BuildFailed(OrchestratorError):
    """The build ran and failed by its own fault (exit 1)."""

    exit_code = 1


class ConfigurationError(OrchestratorError):
    """What the user wrote or called cannot work (exit 2)."""

    exit_code = 2


class Gone(ConfigurationError):
    """What was stored is not there any more, and trying again does not bring it back (exit 2)."""


class Denied(ConfigurationError):
    """The role that we have may not do this one thing, for which there may be another way (exit 2)."""


class MachineryError(OrchestratorError):
    """AWS, GitLab, Terraform or the network failed; trying again is safe (exit 3)."""

    exit_code = 3


class CredentialsExpired(MachineryError):
    """The credentials are too old and could not be renewed; what they were used for may well go on (exit 3)."""


class QueueFull(MachineryError):
    """No more builds may be started for now (exit 3)."""


class RoleUnknown(MachineryError):
    """CodeBuild may not take the role of a project, which passes if the role is new (exit 3)."""


class AskedDifferently(MachineryError):
    """A build was asked for with this token before, by somebody whose request differed (exit 3)."""


class Superseded(OrchestratorError):
    """The work was stopped, cancelled, or overtaken by newer work (exit 4)."""

    exit_code = 4


class Refused(OrchestratorError):
    """Something is not what it claims to be, so nothing was done with it (exit 5)."""

    exit_code = 5
