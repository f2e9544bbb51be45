"""What an AWS account and its region lack for this plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from orchestrator.config.images import is_curated
from orchestrator.doctor.ailments import found
from orchestrator.doctor_ports import BucketState, ExaminedAccount, Identity
from orchestrator.findings import Finding
from orchestrator.plan.environments import quota_name
from orchestrator.plan.model import Plan
from orchestrator.platform_outputs import ROOT, OutdatedPlatformError, read_outputs
from orchestrator.ports import PublishedValues
from orchestrator.vocabulary import Architecture, StateBackend

# AWS General Reference: signature version 4, troubleshooting.
_TOLERATED_SECONDS = 300
_LONGEST_BUCKET = 63


def clock(account: ExaminedAccount, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Give how far this machine's clock is off."""
    there = account.time()
    off = (now() - there).total_seconds()
    if abs(off) >= _TOLERATED_SECONDS:
        what = f"this machine is {abs(off):.0f} seconds {'ahead of' if off > 0 else 'behind'} AWS"
        yield found("clock", "clock", what, "`sudo timedatectl set-ntp true`")


def images(plan: Plan, account: ExaminedAccount) -> Iterator[Finding]:
    """Give which images CodeBuild does not offer in the region."""
    offered = account.images()
    arm = any(build.target.architecture is Architecture.ARM64 for build in plan.builds)
    if arm and not any("aarch64" in image for image in offered):
        what = f"CodeBuild offers no image for ARM in {plan.region}"
        yield found("arm-missing", plan.region, what, "choose another `region`, or `architecture: x86_64`")
    for image, packages in _by_image(plan).items():
        if not any(image == one or image.startswith(f"{one}-") for one in offered):
            what = f"`{image}` is not among the {len(offered)} images of CodeBuild in {plan.region}"
            fix = "leave `build.image` out, or choose one of `aws codebuild list-curated-environment-images`"
            yield found("image-unlisted", f"packages.{packages}.build.image", what, fix)


def _by_image(plan: Plan) -> Mapping[str, str]:
    # Images for Lambda compute are in no such list (CodeBuild API: ListCuratedEnvironmentImages).
    return {build.image: build.package for build in plan.builds if is_curated(build.image) and not build.on_lambda}


def quotas(plan: Plan, account: ExaminedAccount) -> Iterator[Finding]:
    """Give which sizes of builds the account may not run, or only one at a time."""
    known = account.quotas()
    for name in sorted({quota_name(build.environment_type, build.compute_type) for build in plan.builds}):
        quota = known.get(name)
        if quota is None:
            fix = "look at Service Quotas, AWS CodeBuild, in the console"
            yield found("quota-unlisted", name, "AWS does not list this quota", fix)
        elif quota.value < 2:
            fix = (
                "`aws service-quotas request-service-quota-increase --service-code codebuild "
                f"--quota-code {quota.code} --desired-value 10 --region {plan.region}`"
            )
            yield found("quota-one" if quota.value else "quota-zero", name, f"the quota is {quota.value:g}", fix)


def parameters(plan: Plan, account: ExaminedAccount, elsewhere: Sequence[str]) -> Iterator[Finding]:
    """Give which SSM parameters are missing, in another region, or not encrypted."""
    names = list(dict.fromkeys(plan.parameters))
    known = account.parameters(names, plan.region)
    for name in names:
        if name not in known:
            yield _absent(plan, name, account, [region for region in elsewhere if region != plan.region])
        # A user name is no secret.
        elif name != plan.gitlab.username_parameter and not known[name].secure:
            fix = f"`aws ssm delete-parameter --name {name} --region {plan.region}`, then {_store(plan, name)}"
            yield found("parameter-plain", name, f"it is a {known[name].kind}", fix)


def _absent(plan: Plan, name: str, account: ExaminedAccount, regions: Sequence[str]) -> Finding:
    for region in regions:
        if account.parameters([name], region):
            what = f"it is in {region}, the builds are in {plan.region}"
            return found("parameter-elsewhere", name, what, _store(plan, name))
    return found("parameter-missing", name, f"there is none in {plan.region}", _store(plan, name))


def _store(plan: Plan, name: str) -> str:
    if name == plan.gitlab.trigger_parameter:
        return "`orchestrator onboard`"
    return f"`aws ssm put-parameter --type SecureString --name {name} --value file://token --region {plan.region}`"


def buckets(plan: Plan, account: ExaminedAccount, identity: Identity) -> Iterator[Finding]:
    """Give which buckets are missing or belong to somebody else."""
    for name, key, made_here in _buckets(plan, identity.account):
        state = account.bucket(name, identity.account)
        if state is BucketState.FOREIGN:
            yield found(
                "bucket-foreign", key, f"`{name}` does not answer to account {identity.account}", "name another bucket"
            )
        elif state is BucketState.ABSENT and not made_here:
            yield found("bucket-missing", key, f"there is no bucket `{name}`", f"create it, or correct `{key}`")


def _buckets(plan: Plan, account: str) -> Iterator[tuple[str, str, bool]]:
    # As terraform/modules/artifact-store names it; a name that has to be cut nobody else can foresee.
    default = f"{plan.project}-{account}-{plan.region}"
    name = plan.artifacts.bucket or default
    if len(name) <= _LONGEST_BUCKET:
        yield name, "artifacts.bucket", plan.artifacts.managed
    if plan.state.backend is StateBackend.S3:
        yield str(plan.state.settings["bucket"]), "terraform.bucket", False


def platform(plan: Plan, published: PublishedValues) -> Iterator[Finding]:
    """Give what does not fit between this project and the platform, where there is one."""
    try:
        outputs = read_outputs(published.below(ROOT))
    except OutdatedPlatformError as error:
        yield found("platform-outdated", ROOT, error.observed, "`orchestrator platform apply`")
        return
    if outputs is not None and plan.project not in outputs.projects:
        what = f"the platform in {plan.region} does not know `{plan.project}`"
        yield found("platform-unaware", ROOT, what, "add it to platform.yml, and `orchestrator platform apply`")
