"""Why a build was run, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.records import BuildRecord
from orchestrator.render.builds_table import one_line, short_age

# Commands and lists of packages may be long; a manifest has them whole.
_LONGEST = 100


def explanation_text(
    build: BuildRecord,
    reasons: Sequence[str],
    compared: BuildRecord | None,
    differences: Sequence[tuple[str, str, str]],
    *,
    manifests: bool,
) -> str:
    """Return the reasons, then what differs from the build that it is compared with: name, before, after."""
    commit = build.variables.get("ORCHESTRATOR_COMMIT_SHA", "")
    ref = build.variables.get("ORCHESTRATOR_REF", "")
    lines = [f"{build.id}, {one_line(commit) or 'no commit'} for {one_line(ref) or 'no ref'}", ""]
    lines += [f"why: {one_line(reason)}" for reason in reasons]
    if compared is None:
        return "\n".join(lines)
    when = short_age(compared.started, build.started) if build.started else ""
    status = f"{one_line(compared.status)}{f', {when} before' if when else ''}"
    lines += ["", f"compared with {compared.id} ({status}):"]
    size = max((len(name) for name, _, _ in differences), default=0)
    lines += [f"  {name:<{size}}  {_short(before)} -> {_short(after)}" for name, before, after in differences]
    if not differences:
        lines.append("  nothing differs" if manifests else "  nothing differs in what they were asked for")
    if not manifests:
        lines.append("  what shaped the packages cannot be compared: not both are stored")
    return "\n".join(lines)


def explanation_json(
    build: BuildRecord,
    reasons: Sequence[str],
    compared: BuildRecord | None,
    differences: Sequence[tuple[str, str, str]],
    *,
    manifests: bool,
) -> dict[str, Any]:
    """Return the same as JSON-like data."""
    return {
        "build_id": build.id,
        "reasons": list(reasons),
        "compared_with": compared.id if compared else None,
        "differences": [
            {"input": name, "before": before or None, "after": after or None} for name, before, after in differences
        ],
        "manifests_compared": manifests,
    }


def _short(text: str) -> str:
    shown = one_line(text) or "nothing"
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
