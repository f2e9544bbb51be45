"""`check`: what of a configuration can be read and still cannot work, found without asking anybody.

The AWS provider and CodeBuild's API take most of these combinations; they fail when a build starts, or at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from orchestrator.config.images import ImageFacts, facts_of
from orchestrator.config.model import Configuration
from orchestrator.config.package_model import Build, Package
from orchestrator.findings import Finding, Weight
from orchestrator.packaging.runtimes import Runtime, target_of
from orchestrator.vocabulary import Machine


@dataclass(frozen=True)
class Subject:
    """One package with all that its rules look at. `own_row`: the file itself describes the runtime."""

    name: str
    package: Package
    runtime: Runtime
    own_row: bool
    image: ImageFacts
    region: str
    today: date

    @property
    def build(self) -> Build:
        """How CodeBuild runs its builds."""
        return self.package.build

    @property
    def on_lambda(self) -> bool:
        """Whether its builds run on Lambda compute."""
        return self.build.machine is Machine.LAMBDA

    @property
    def architecture(self) -> str:
        """Its processor."""
        return str(self.package.architecture)


@dataclass(frozen=True)
class Broken:
    """How a package breaks a rule: the key below the package, what was seen, and one action that mends it."""

    key: str
    what: str
    fix: str


@dataclass(frozen=True)
class Rule:
    """One rule: its name, how much it matters, the rule as a sentence, where it is from, and who breaks it."""

    name: str
    weight: Weight
    text: str
    source: str
    broken: Callable[[Subject], Iterable[Broken]]


def check(configuration: Configuration, rules: Sequence[Rule], today: date) -> list[Finding]:
    """Return what breaks the rules, in the order of packages and rules."""
    return [
        Finding(rule.name, rule.weight, f"packages.{subject.name}.{broken.key}", broken.what, rule.text, broken.fix)
        for subject in _subjects(configuration, today)
        for rule in rules
        for broken in rule.broken(subject)
    ]


def _subjects(configuration: Configuration, today: date) -> Iterable[Subject]:
    for name, package in sorted(configuration.packages.items()):
        row = configuration.runtimes.get(package.runtime)
        target = target_of(str(package.architecture), package.runtime, {package.runtime: row.as_row()} if row else None)
        yield Subject(
            name=name,
            package=package,
            runtime=target.runtime,
            own_row=row is not None,
            image=facts_of(package.build.image),
            region=configuration.region,
            today=today,
        )
