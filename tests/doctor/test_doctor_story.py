"""Guarantees about what `orchestrator doctor` finds, told over fakes of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from world import ACCOUNT, make

from orchestrator.doctor.ailments import AILMENTS
from orchestrator.doctor.examine import Doctorable, examine
from orchestrator.doctor_ports import BucketState, Identity, ProjectFacts, Quota, TokenFacts
from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.findings import Weight, exit_code
from orchestrator.onboarding_ports import Person, StoredParameter, TriggerToken
from orchestrator.plan.model import Plan
from orchestrator.platform_outputs import platform_names

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
TRIGGER, PAT = "/gitlab/trigger/demo", "/gitlab/pat"
SIZE = "Concurrently running builds for ARM/Small environment"
OWNER = Person(1, "owner", 40)
TOKEN = TriggerToken(7, f"orchestrator:{ACCOUNT}:eu-central-1:{TRIGGER}", OWNER)
FRESH = TokenFacts(("api",), True, None)
FACTS = ProjectFacts(7, "shop/demo", "main", True, 40, "developer")
SMALL = "project: demo\nregion: eu-central-1\ngitlab: {project: shop/demo}\npackages: {parser: {}}\n"
PLATFORM = dict.fromkeys(platform_names().values(), "x") | {platform_names()["version"]: "1"}


@dataclass
class Healthy:
    """A machine, an account, a platform and a project with which nothing is wrong; a test changes what it is about."""

    broken: dict[str, Exception] = field(default_factory=dict)
    terraform_there: bool = True
    place: str = "/mirror"
    registry: bool = True
    at: datetime = NOW
    offered: Sequence[str] = ("aws/codebuild/amazonlinux-aarch64-standard:3.0", "aws/codebuild/standard:7.0")
    sizes: Mapping[str, Quota] = field(default_factory=lambda: {SIZE: Quota("L-1", 20)})
    stored: Mapping[str, StoredParameter] = field(
        default_factory=lambda: {name: StoredParameter(name, "SecureString", "") for name in (TRIGGER, PAT)}
    )
    stored_elsewhere: Mapping[str, StoredParameter] = field(default_factory=dict)
    state: BucketState = BucketState.OURS
    values: Mapping[str, str] = field(default_factory=dict)
    told: str = "18.2.0-ee"
    may: TokenFacts = FRESH
    facts: ProjectFacts | None = FACTS
    tokens: Sequence[TriggerToken] = (TOKEN,)

    def _asked(self, name: str) -> None:
        if name in self.broken:
            raise self.broken[name]

    def terraform(self) -> str:
        self._asked("terraform")
        if not self.terraform_there:
            raise ConfigurationError("there is no Terraform", hint="install it")
        return "Terraform 1.11.4"

    def provider(self) -> str:
        return self.place

    def registry_answers(self) -> bool:
        return self.registry

    def identity(self) -> Identity:
        self._asked("identity")
        return Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/somebody")

    def time(self) -> datetime:
        return self.at

    def images(self) -> Sequence[str]:
        self._asked("images")
        return self.offered

    def quotas(self) -> Mapping[str, Quota]:
        self._asked("quotas")
        return self.sizes

    def parameters(self, names: Sequence[str], region: str) -> Mapping[str, StoredParameter]:
        self._asked("parameters")
        there = self.stored if region == "eu-central-1" else self.stored_elsewhere
        return {name: there[name] for name in names if name in there}

    def bucket(self, name: str, account: str) -> BucketState:
        self._asked("bucket")
        return self.state

    def below(self, path: str) -> Mapping[str, str]:
        return self.values

    def version(self) -> str:
        self._asked("version")
        return self.told

    def token(self) -> TokenFacts:
        return self.may

    def project(self) -> ProjectFacts | None:
        return self.facts

    def triggers(self) -> Sequence[TriggerToken]:
        return self.tokens


def looked(world: Healthy, plan: Plan | None = None, **changes: Any) -> list[Any]:
    """Return what is found."""
    parts: dict[str, Any] = dict.fromkeys(("machine", "account", "published", "project"), world)
    parts |= {"elsewhere": ["eu-central-1", "us-east-1"], "offline": False, "now": lambda: NOW, **changes}
    return examine(plan or make(SMALL), Doctorable(**parts))


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    """A healthy world gives no finding and exit code 0."""
    assert looked(Healthy()) == []


def ends(days: int) -> str:
    """Return a moment so many days from now, as GitLab writes it."""
    return (NOW + timedelta(days=days)).isoformat()


def owned(**changes: Any) -> list[TriggerToken]:
    """Return the trigger token with another owner."""
    return [replace(TOKEN, owner=replace(OWNER, **changes))]


def project(**changes: Any) -> ProjectFacts:
    """Return the project with something else."""
    return replace(FACTS, **changes)


CLONE = SMALL + 'source: clone\nclone: {url: "https://gitlab.com/shop/demo.git", username_parameter: /gitlab/pat}\n'
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("terraform-missing", {"terraform_there": False}, "install it"),
    ("provider-unreachable", {"place": "", "registry": False}, "ORCHESTRATOR_PROVIDER_MIRROR"),
    ("clock", {"at": NOW - timedelta(seconds=301)}, "timedatectl"),
    ("clock", {"at": NOW + timedelta(hours=1)}, "timedatectl"),
    ("platform-outdated", {"values": {**PLATFORM, platform_names()["version"]: "0"}}, "platform apply"),
    ("platform-unaware", {"values": PLATFORM}, "platform.yml"),
    ("quota-zero", {"sizes": {SIZE: Quota("L-5ED1D25B", 0)}}, "--quota-code L-5ED1D25B"),
    ("quota-one", {"sizes": {SIZE: Quota("L-5ED1D25B", 1)}}, "request-service-quota-increase"),
    ("quota-unlisted", {"sizes": {}}, "Service Quotas"),
    ("parameter-missing", {"stored": {}}, "orchestrator onboard"),
    ("parameter-elsewhere", {"stored": {}, "stored_elsewhere": {TRIGGER: StoredParameter(TRIGGER, "SecureString", "")}},
     "orchestrator onboard"),
    ("parameter-plain", {"stored": {TRIGGER: StoredParameter(TRIGGER, "String", "")}}, "delete-parameter"),
    ("bucket-foreign", {"state": BucketState.FOREIGN}, "another bucket"),
    ("gitlab-old", {"told": "16.10.1"}, "16.11"),
    ("gitlab-token", {"may": TokenFacts(("api",), False, None)}, "ORCHESTRATOR_GITLAB_TOKEN"),
    ("gitlab-token", {"may": TokenFacts(("api",), True, date(2026, 11, 22))}, "ORCHESTRATOR_GITLAB_TOKEN"),
    # With a token that is not accepted there is one thing to mend, and nothing else is asked.
    ("gitlab-token", {"may": TokenFacts((), False, None), "told": "16.10.1", "facts": None}, "create a new one"),
    ("gitlab-expiring", {"may": TokenFacts(("api",), True, date(2026, 12, 1))}, "ORCHESTRATOR_GITLAB_TOKEN"),
    ("gitlab-scope", {"may": TokenFacts(("read_api",), True, None)}, "scope `api`"),
    ("gitlab-project", {"facts": None}, "gitlab: {project: group/name}"),
    ("branch-unprotected", {"facts": project(protected=False)}, "protected_branches"),
    ("trigger-missing", {"tokens": []}, "orchestrator onboard"),
    ("trigger-owner", {"tokens": owned(active=False)}, "--rotate"),
    ("trigger-owner", {"tokens": owned(role=0)}, "--rotate"),
    ("trigger-owner", {"tokens": [replace(TOKEN, owner=None)]}, "--rotate"),
    ("trigger-expired", {"tokens": [replace(TOKEN, expires_at=ends(0))]}, "--rotate"),
    ("trigger-expiring", {"tokens": [replace(TOKEN, expires_at=ends(14))]}, "--rotate"),
    ("pipeline-variables", {"facts": project(variables_role="no_one_allowed")}, "minimum_override_role=maintainer"),
    ("pipeline-variables", {"facts": project(variables_role="owner")}, "minimum_override_role=maintainer"),
    (
        "pipeline-variables",
        {"facts": project(variables_role="maintainer"), "tokens": owned(role=30)},
        "declare the input",
    ),
]  # fmt: skip
OTHER_PLANS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("provider-remote", {"place": ""}, SMALL, {"offline": True, "account": None, "published": None, "project": None}),
    ("arm-missing", {"offered": ["registry.example.com/x"]},
     SMALL.replace("{parser: {}}", "{parser: {build: {image: registry.example.com/x}}}"), {}),
    ("image-unlisted", {},
     SMALL.replace("{parser: {}}", "{parser: {build: {image: 'aws/codebuild/amazonlinux-aarch64-standard:2.0'}}}"), {}),
    ("bucket-missing", {"state": BucketState.ABSENT}, SMALL + "artifacts: {bucket: packages}\n", {}),
    ("gitlab-inputs", {"told": "17.9.0"}, SMALL + "return: event\n", {}),
    ("gitlab-project", {}, SMALL.replace("gitlab: {project: shop/demo}\n", ""), {}),
    ("parameter-missing", {"stored": {TRIGGER: StoredParameter(TRIGGER, "SecureString", "")}},
     CLONE.replace(", username_parameter: /gitlab/pat", ", username_parameter: " + TRIGGER), {}),
]  # fmt: skip


@pytest.mark.parametrize(("ailment", "changes", "fix"), CASES)
def test_each_ailment_is_found_with_its_remedy(ailment: str, changes: dict[str, Any], fix: str) -> None:
    """One thing that is wrong gives one finding, which says what mends it."""
    (finding,) = looked(Healthy(**changes))
    assert (finding.rule, finding.weight) == (ailment, AILMENTS[ailment].weight)
    assert fix in finding.fix
    assert finding.what
    assert finding.why == AILMENTS[ailment].why


@pytest.mark.parametrize(("ailment", "changes", "text", "parts"), OTHER_PLANS)
def test_an_ailment_that_depends_on_the_plan_is_found(
    ailment: str, changes: dict[str, Any], text: str, parts: dict[str, Any]
) -> None:
    """What matters for some configurations only is found there."""
    found = looked(Healthy(**changes), make(text, {"CI_SERVER_URL": "https://gitlab.com"}), **parts)
    assert [one.rule for one in found] == [ailment]


def test_who_waits_needs_no_token() -> None:
    """With `return: wait` neither a trigger token nor its parameter is missed, whatever there is of them."""
    plan = make(SMALL + "return: wait\n", {"CI_SERVER_URL": "https://gitlab.com"})
    for changes in ({"tokens": [], "stored": {}}, {"tokens": owned(active=False), "facts": project(access=30)}):
        assert looked(Healthy(**changes), plan) == []


def test_without_an_identity_the_rest_of_aws_is_not_called_fine() -> None:
    """No credentials are one error, and the rest of AWS is said once not to have been looked at."""
    refused = ConfigurationError("AWS does not know who asks", detail="no credentials", hint="configure them")
    found = looked(Healthy(broken={"identity": refused}))
    assert [(one.rule, one.weight) for one in found] == [("aws-identity", Weight.ERROR), ("aws", Weight.UNKNOWN)]
    assert exit_code(found) == 2
    unreachable = MachineryError("AWS does not know who asks", hint="retry")
    assert exit_code(looked(Healthy(broken={"identity": unreachable}))) == 3


FAILURES = {
    "denied": ConfigurationError("cannot look", detail="AWS answered `AccessDenied`", hint="allow it"),
    "down": MachineryError("cannot look", hint="retry"),
    "our bug": ZeroDivisionError("glpat-canary"),
}
PROBES = ["images", "quotas", "parameters", "bucket", "version"]
# That Terraform is missing is told as a ConfigurationError.
UNSEEN = [(probe, kind) for probe in PROBES for kind in FAILURES] + [("terraform", "down"), ("terraform", "our bug")]


@pytest.mark.parametrize(("probe", "kind"), UNSEEN)
def test_a_probe_that_cannot_look_is_a_finding(probe: str, kind: str) -> None:
    """Denied, down or broken: that is told as unknown, never as fine, never as a crash, and the others go on."""
    error = FAILURES[kind]
    found = looked(Healthy(broken={probe: error}, facts=project(protected=False)))
    unknown = [one for one in found if one.weight is Weight.UNKNOWN]
    assert len(unknown) == 1
    assert "branch-unprotected" in [one.rule for one in found]
    assert exit_code(found) == 3
    assert "canary" not in str(found)


def test_offline_asks_nobody() -> None:
    """With `--offline` nothing but this machine is looked at."""
    nobody: dict[str, Any] = dict.fromkeys(("account", "published", "project"))
    assert looked(Healthy(), offline=True, **nobody) == []


def test_without_a_token_gitlab_is_not_called_fine() -> None:
    """Who has no token for GitLab is told that nobody has looked there."""
    (finding,) = looked(Healthy(), project=None)
    assert finding.weight is Weight.UNKNOWN
    assert "ORCHESTRATOR_GITLAB_TOKEN" in finding.fix


def test_who_may_not_see_trigger_tokens_is_told_so() -> None:
    """A Developer's token shows no trigger tokens: that is unknown, not missing."""
    (finding,) = looked(Healthy(facts=project(access=30), tokens=[]))
    assert (finding.rule, finding.weight) == ("triggers", Weight.UNKNOWN)


def test_only_the_token_of_this_parameter_is_judged() -> None:
    """Trigger tokens that `onboard` has not made for this parameter are left alone, if there is one that it has."""
    stranger = TriggerToken(8, "somebody else's", None)
    assert looked(Healthy(tokens=[TOKEN, stranger])) == []
    assert [one.rule for one in looked(Healthy(tokens=[stranger]))] == ["trigger-owner"]


def test_every_ailment_is_provoked_here() -> None:
    """No ailment is without a test that provokes it."""
    shown = {case[0] for case in CASES} | {case[0] for case in OTHER_PLANS} | {"aws-identity"}
    assert set(AILMENTS) == shown


def test_slow_probes_do_not_wait_for_each_other() -> None:
    """Probes run at the same time: two that each wait for the other both end."""
    import threading

    both = threading.Barrier(2, timeout=10)

    def meeting(answer: Callable[[Healthy], Any]) -> Any:
        def asked(self: Healthy) -> Any:
            both.wait()
            return answer(self)

        return asked

    class Slow(Healthy):
        images = meeting(Healthy.images)
        quotas = meeting(Healthy.quotas)

    assert looked(Slow()) == []
