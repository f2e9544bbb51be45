"""How people write durations: `1h 30m`, `2 weeks`, `90`."""

from __future__ import annotations

import re

_UNITS = {
    "second": 1, "seconds": 1, "sec": 1, "secs": 1, "s": 1,
    "minute": 60, "minutes": 60, "min": 60, "mins": 60, "m": 60,
    "hour": 3600, "hours": 3600, "hr": 3600, "hrs": 3600, "h": 3600,
    "day": 86400, "days": 86400, "d": 86400,
    "week": 604800, "weeks": 604800, "wk": 604800, "wks": 604800, "w": 604800,
    "month": 2592000, "months": 2592000, "mo": 2592000, "mos": 2592000,
    "year": 31557600, "years": 31557600, "yr": 31557600, "yrs": 31557600, "y": 31557600,
}  # fmt: skip
_PART = re.compile(r"\s*(?:and\s+|,\s*)?(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def seconds(text: object) -> int | None:
    """Return the seconds a duration stands for, None when it is not a duration; a bare number is seconds."""
    words = str(text).strip()
    if not words or isinstance(text, bool):
        return None
    total, position = 0.0, 0
    while position < len(words):
        match = _PART.match(words, position)
        unit = match[2].lower() if match else "?"
        if match is None or (unit and unit not in _UNITS):
            return None
        total += float(match[1]) * (_UNITS[unit] if unit else 1)
        position = match.end()
    return int(total)
