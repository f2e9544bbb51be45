"""Takes the SBOMs that a wheel carries (PEP 770) into the bill of the package, under the wheel's own component."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component

_DEEPEST = 20
_MOST_COMPONENTS = 2_000


def merge(bom: Bom, component: Component, sboms: Mapping[str, bytes]) -> None:
    """Nest the components of each SBOM below `component`, with references that nothing else in `bom` has.

    An SBOM of another format, or one that cannot be read, is named in a property: it says nothing about whether the
    package is good.
    """
    for number, (name, content) in enumerate(sboms.items()):
        carried = _parse(content)
        if carried is None:
            component.properties.add(Property(name="orchestrator:unmerged-sbom", value=name))
            continue
        component.properties.add(Property(name="orchestrator:merged-sbom", value=name))
        _Merger(bom, component, f"{component.bom_ref.value}#{number}").take(carried)


def _parse(content: bytes) -> Bom | None:
    try:
        document = json.loads(content)
        if document["bomFormat"] != "CycloneDX" or not _is_bounded(document):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Bom.from_json(document)  # type: ignore[attr-defined, no-any-return] # made by a decorator
    # Whatever a wheel carries: the library raises its own errors, and those of what it calls.
    except Exception:  # noqa: BLE001
        return None


def _is_bounded(document: Any) -> bool:
    """Tell whether the components are few and flat enough to be taken in."""
    level, count = [document], 0
    for _ in range(_DEEPEST):
        level = [item for node in level if isinstance(node, dict) for item in node.get("components") or ()]
        count += len(level)
        if not level or count > _MOST_COMPONENTS:
            break
    return not level and count <= _MOST_COMPONENTS


class _Merger:
    """Takes one SBOM in. `prefix` makes its references unique; the wheel stands for what the SBOM is about."""

    def __init__(self, bom: Bom, component: Component, prefix: str) -> None:
        self._bom = bom
        self._component = component
        self._prefix = prefix
        self._known: dict[str, Component] = {}
        self._count = 0

    def take(self, carried: Bom) -> None:
        """Nest the components and repeat who depends on whom."""
        edges = [
            (entry.ref.value, [ref.value for ref in entry.dependencies_as_bom_refs()]) for entry in carried.dependencies
        ]
        subject = carried.metadata.component
        own = [*(subject.components if subject else ()), *carried.components]
        if subject and subject.bom_ref.value:
            self._known[subject.bom_ref.value] = self._component
        self._component.components.update([self._renamed(item) for item in own])
        for target, depends_on in edges:
            found = [self._known[ref] for ref in depends_on if ref in self._known]
            if target in self._known and found:
                self._bom.register_dependency(self._known[target], found)

    def _renamed(self, component: Component) -> Component:
        """Return the component under a reference of its own, and what is nested in it, too."""
        before = component.bom_ref.value
        component.bom_ref.value = f"{self._prefix}/{self._count}"
        self._count += 1
        if before:
            self._known.setdefault(before, component)
        # Sets of components are sorted by what was just changed, so they are made anew.
        component.components = [self._renamed(item) for item in list(component.components)]
        return component
