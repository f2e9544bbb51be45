"""Moments as data: ISO 8601 in UTC, whole seconds, so that they sort as text."""

from __future__ import annotations

from datetime import datetime, timezone


def iso_time(moment: datetime | None) -> str | None:
    """Return a moment as `2026-01-31T12:00:00Z`, and None for none. It must know its time zone."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
