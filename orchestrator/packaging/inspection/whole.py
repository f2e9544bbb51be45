"""Rules about the zip as a whole, and about whole distributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.packaging.inspection.distributions import Distribution, Distributions
from orchestrator.packaging.inspection.model import Rule
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES
from orchestrator.packaging.zip_directory import Member

# Lambda quota "Function layers" (quota page).
_MOST_LAYERS = 5
_SHOWN = 3


def check_size(package: str, members: Sequence[Member], layers: Sequence[int]) -> Iterator[Problem]:
    """Sum up what is unpacked: the package and its layers (their unzipped bytes)."""
    own = sum(member.size_bytes for member in members)
    total = own + sum(layers)
    if total > UNZIPPED_LIMIT_BYTES:
        largest = sorted(_folders(members).items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
        shown = ", ".join(f"`{name}` {size}" for name, size in largest)
        below = f", layers {total - own}" if layers else ""
        observed = f"{total} bytes unzipped (largest: {shown}{below})"
        yield Problem(Rule.SIZE, package, "unzipped", observed, f"at most {UNZIPPED_LIMIT_BYTES}, layers included")
    if len(layers) > _MOST_LAYERS:
        yield Problem(Rule.SIZE, package, "layers", f"{len(layers)} layers", f"at most {_MOST_LAYERS}")
    if not any(not member.is_directory for member in members):
        yield Problem(Rule.CONTENT, package, "empty", "a zip without files", "a package")
    for member in members:
        if member.is_directory and member.size_bytes:
            yield Problem(Rule.CONTENT, member.name, "directory", "a directory that has content", "an empty entry")


def check_placeholders(members: Sequence[Member], distributions: Distributions) -> Iterator[Problem]:
    """Yield distributions that bring files, all of them empty, and need no other distribution.

    Names are kept that way on an index; a resolver that finds no wheel for its target may end there.
    """
    brought: dict[Distribution, int] = {}
    for member in members:
        distribution = distributions.of(member.name) if distributions.all and not member.is_directory else None
        if distribution and not member.name.startswith(distribution.folder):
            brought[distribution] = brought.get(distribution, 0) + member.size_bytes
    for distribution, size in brought.items():
        if not size and not distribution.needs_others and not distribution.is_node:
            folder = distribution.folder
            yield Problem(
                Rule.PLACEHOLDER, folder, distribution.name, "a distribution whose files are all empty", "its code"
            )  # fmt: skip


def _folders(members: Sequence[Member]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for member in members:
        top = member.name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + member.size_bytes
    return sizes
