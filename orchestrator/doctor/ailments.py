"""Everything that `doctor` can find: its name, how much it matters, and why."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import OrchestratorError
from orchestrator.findings import Finding, Weight

_E, _W = Weight.ERROR, Weight.WARNING


@dataclass(frozen=True)
class Ailment:
    """One thing that may be wrong."""

    weight: Weight
    why: str


AILMENTS = {
    "terraform-missing": Ailment(_E, "`prebuild` applies the CodeBuild projects with Terraform or OpenTofu."),
    "provider-unreachable": Ailment(_E, "Terraform takes the AWS provider from a registry, or from a mirror."),
    "provider-remote": Ailment(_W, "Without a mirror, each first `prebuild` of a machine downloads the AWS provider."),
    "clock": Ailment(_E, "AWS refuses requests that are signed five minutes too early or too late."),
    "aws-identity": Ailment(_E, "Nothing in AWS can be made or started without an identity."),
    "platform-outdated": Ailment(_W, "`onboard` reads what the platform has published, and would stop at it."),
    "platform-unaware": Ailment(_W, "The roles of the platform are for the projects that it knows."),
    "arm-missing": Ailment(_E, "Packages for arm64 are built on ARM, which the region has to offer."),
    "image-unlisted": Ailment(
        _W, "An image that AWS no longer lists is not updated, and a build waits minutes until it is pulled."
    ),
    "quota-zero": Ailment(_E, "New accounts may run no build of some sizes: each would wait until it is given up."),
    "quota-one": Ailment(_W, "With one build at a time, every other one waits in the queue."),
    "quota-unlisted": Ailment(Weight.UNKNOWN, "A quota that is not listed may be zero."),
    "parameter-missing": Ailment(_E, "Tokens are read from SSM at the moment they are needed."),
    "parameter-elsewhere": Ailment(_E, "A parameter is read in the region of the build, and in no other."),
    "parameter-plain": Ailment(_E, "A token that is not a SecureString is stored as it is, with its history."),
    "bucket-missing": Ailment(_E, "A bucket that is not managed here must be there before anything is built on it."),
    "bucket-foreign": Ailment(_E, "Names of buckets are unique in the world: somebody else would get the packages."),
    "gitlab-old": Ailment(_E, "The jobs use keywords that older servers do not know."),
    "gitlab-inputs": Ailment(_W, "Pipeline inputs, which bring a build id home, need GitLab 17.11."),
    "gitlab-token": Ailment(_E, "A token that is revoked or expired opens nothing."),
    "gitlab-scope": Ailment(_E, "Statuses, trigger tokens and variables need the scope `api`."),
    "gitlab-expiring": Ailment(_W, "On that day every job that uses the token fails."),
    "gitlab-project": Ailment(_E, "A build comes home to a project that the token must see."),
    "branch-unprotected": Ailment(
        _W, "Roles and protected variables trust protected refs; an unprotected one is open to every Developer."
    ),
    "trigger-missing": Ailment(_E, "A build comes home with a trigger token of the project."),
    "trigger-owner": Ailment(_E, "A pipeline runs with the rights of the token's owner, and not at all without them."),
    "trigger-expired": Ailment(_E, "With an expired trigger token no build comes home."),
    "trigger-expiring": Ailment(_W, "From that day on no build comes home."),
    "pipeline-variables": Ailment(
        _W, "The build id arrives as a pipeline variable unless `.gitlab-ci.yml` declares the input for it."
    ),
}
UNSEEN = "What nobody has looked at is not known to work."


def found(name: str, subject: str, what: str, fix: str) -> Finding:
    """Return the finding of an ailment."""
    ailment = AILMENTS[name]
    return Finding(name, ailment.weight, subject, what, ailment.why, fix)


def unseen(probe: str, error: Exception) -> Finding:
    """Return the finding of a probe that could not look, whatever the reason."""
    if isinstance(error, OrchestratorError):
        what = f"{error.what} ({error.detail})" if error.detail else error.what
        return Finding(probe, Weight.UNKNOWN, probe, what, UNSEEN, error.hint or "run `orchestrator doctor` again")
    # No text of a foreign exception: it may hold anything.
    what = f"looking at it failed with {type(error).__name__}"
    return Finding(probe, Weight.UNKNOWN, probe, what, UNSEEN, "run `orchestrator doctor` again, or open an issue")
