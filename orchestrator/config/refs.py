"""Which branch and tag names we are willing to carry around, even as mere data."""

from __future__ import annotations

import re
import unicodedata

from orchestrator.errors import Refused

MAXIMUM_BYTES = 244
# What POSIX (2.2, quoting) lets stand unquoted in a shell, less `:` and `,`, which the AWS CLI and git read.
PUNCTUATION = "._-/+@"
# Letters of Unicode that show nothing (Default_Ignorable_Code_Point).
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
_HINT = "rename it: Unicode letters and digits and `. _ - / + @` make a name that is safe everywhere"
_OBJECT_NAME = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


def check_ref(name: str) -> str:
    """Return the name of a branch or tag unchanged, or raise Refused saying what is wrong with it.

    The name is the short one (`main`, not `refs/heads/main`). Nothing is repaired: a name that was made
    harmless would be another branch. Whatever is accepted is also accepted by `git check-ref-format --branch`.
    """
    for position, character in enumerate(name, start=1):
        if not _is_allowed(character):
            raise _refused(name, f"character {_escaped(character)} at position {position} is not allowed")
    reason = _wrong_form(name)
    if reason:
        raise _refused(name, reason)
    return name


def _is_allowed(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in PUNCTUATION
    # What a compatibility form turns into counts too: U+FDFA is a letter that holds spaces.
    written_out = unicodedata.normalize("NFKC", character)
    return all(
        unicodedata.category(part)[0] == "L" or unicodedata.category(part) == "Nd" for part in written_out
    ) and not _INVISIBLE_LETTERS.intersection(character + written_out)


def _wrong_form(name: str) -> str:
    """Return what is wrong with a name of allowed characters, or an empty text (git docs: check-ref-format)."""
    parts = name.split("/")
    rules = (
        (not name, "it is empty"),
        (name.startswith("-"), "it begins with `-`, which reads like an option"),
        ("" in parts, "it begins or ends with `/` or holds `//`"),
        (".." in name, "it holds `..`, which reads like a range or a parent directory"),
        (any(part.startswith(".") for part in parts), "a part of it begins with `.`"),
        (any(part.lower().endswith(".lock") for part in parts), "a part of it ends with `.lock`"),
        (name.endswith("."), "it ends with `.`"),
        (name in ("@", "HEAD"), "git means the commit that is checked out by it"),
        (name.startswith("refs/"), "it begins with `refs/`, expected the short name of a branch or tag"),
        (_OBJECT_NAME.fullmatch(name) is not None, "it reads like the digest of a commit"),
        (len(name.encode()) > MAXIMUM_BYTES, f"it is longer than {MAXIMUM_BYTES} bytes"),
        (unicodedata.normalize("NFC", name) != name, "it is not in Unicode's normal form NFC"),
    )
    return next((reason for broken, reason in rules if broken), "")


def _escaped(character: str) -> str:
    if character.isascii() and character.isprintable():
        return f"`'{character}'`" if character not in "'`" else f'"{character}"'
    return f"`U+{ord(character):04X}` ({unicodedata.name(character, 'no name')})"


def _refused(name: str, detail: str) -> Refused:
    shown = name if len(name) <= 80 else f"{name[:79]}…"
    # Anything that could turn the message around on a screen is written as its number.
    safe = "".join(c if _is_allowed(c) or (c.isascii() and c.isprintable()) else ascii(c)[1:-1] for c in shown)
    return Refused(f"branch or tag name `{safe}` is refused", detail=detail, hint=_HINT)
