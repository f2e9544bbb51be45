"""What the projects of one account and region will share: names, buckets, state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.config.platform_model import Deploying, Platform, PlatformProject, Reach, RoleRefs
from orchestrator.plan.model import StatePlan
from orchestrator.vocabulary import Return, StateBackend

# Project names begin with a letter or a digit, so the state of no project can be meant.
STATE_KEY = "_platform/terraform.tfstate"
# Says whose a thing is that several regions of an account can see; its value is the region.
TAG = "orchestrator-platform"


@dataclass(frozen=True)
class Account:
    """An AWS account, twelve digits, and its partition (`aws`, `aws-cn`, `aws-us-gov`)."""

    id: str
    partition: str


@dataclass(frozen=True)
class PlatformPlan:
    """Everything that `orchestrator platform` will make or take away.

    `projects` are by `project` of their orchestrator.yml, each as the Terraform module gitlab-oidc takes it. `issuer`
    has no closing slash.
    """

    account: Account
    region: str
    gitlab_url: str
    issuer: str
    audience: str
    projects: Mapping[str, Mapping[str, Any]]
    bucket: str
    retention_days: int
    state_bucket: str
    state_retention_days: int
    use_lockfile: bool
    lock_timeout_seconds: int
    permissions_boundary: str | None
    tags: Mapping[str, str]

    @property
    def provider_arn(self) -> str:
        """The IAM OIDC provider of the GitLab server; an account can have one for each."""
        host = self.issuer.removeprefix("https://")
        return f"arn:{self.account.partition}:iam::{self.account.id}:oidc-provider/{host}"

    @property
    def state(self) -> StatePlan:
        """Where the state lies: in the bucket that is part of what it describes."""
        settings: dict[str, str | bool] = {
            "bucket": self.state_bucket,
            "encrypt": True,
            "key": STATE_KEY,
            "region": self.region,
            "use_lockfile": self.use_lockfile,
        }
        return StatePlan(StateBackend.S3, settings, self.lock_timeout_seconds)

    @property
    def no_state(self) -> StatePlan:
        """A state that holds nothing and is never written: to plan where there is no bucket yet."""
        return StatePlan(StateBackend.LOCAL, {"path": "none.tfstate"}, self.lock_timeout_seconds)


def plan_platform(platform: Platform, account: Account) -> PlatformPlan:
    """Return what a `platform.yml` means in an account. Names follow from the account and the region alone."""
    place = f"{account.id}-{platform.region}"
    return PlatformPlan(
        account=account,
        region=platform.region,
        gitlab_url=platform.gitlab.url,
        issuer=platform.gitlab.issuer,
        audience=platform.gitlab.audience,
        projects={project.name: _project(path, project) for path, project in sorted(platform.projects.items())},
        bucket=platform.artifacts.bucket or f"orchestrator-packages-{place}",
        retention_days=platform.artifacts.retention_days,
        state_bucket=platform.state.bucket or f"orchestrator-states-{place}",
        state_retention_days=platform.state.retention_days,
        use_lockfile=platform.state.use_lockfile,
        lock_timeout_seconds=platform.state.lock_timeout_seconds,
        permissions_boundary=platform.permissions_boundary,
        tags=dict(platform.tags),
    )


def _project(path: str, project: PlatformProject) -> dict[str, Any]:
    return {
        "builds": None if project.builds is None else sorted(project.builds),
        "deploy": None if project.deploy is None else _deploying(project.deploy),
        "gitlab_project": path,
        "handback": project.return_ is Return.EVENT,
        "parameters": sorted(project.parameters),
        "reach": _reach(project.reach),
        "refs": {"apply": _refs(project.refs.apply), "start": _refs(project.refs.start)},
    }


def _deploying(deploying: Deploying) -> dict[str, Any]:
    return {
        "boundary_arn": deploying.boundary,
        "functions": None if deploying.functions is None else sorted(deploying.functions),
        "policy_arns": sorted(deploying.policies),
        "refs": _refs(deploying.refs),
    }


def _reach(reach: Reach) -> dict[str, Any]:
    network = reach.network
    return {
        "cache": reach.cache,
        "image_repository_arns": sorted(reach.image_repositories),
        "network": network
        and {
            "security_groups": sorted(network.security_groups),
            "subnets": sorted(network.subnets),
        },
        "registry_credential_arns": sorted(reach.registry_credentials),
    }


def _refs(refs: RoleRefs) -> list[dict[str, str]]:
    branches = [{"name": name, "type": "branch"} for name in refs.branches]
    return branches + [{"name": name, "type": "tag"} for name in refs.tags]
