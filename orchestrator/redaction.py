"""What a secret is, every spelling it travels in, and text without it.

It travels with the zipapp of a build and with the Lambda function, so it imports nothing of ours but `errors`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from orchestrator.errors import Refused

MARK = "[redacted]"
# A shorter value is likely to be a word: hiding it would spoil messages and protect nothing.
SHORTEST_SECRET = 8

# Where GitLab, AWS, Terraform and this product keep what opens doors (GitLab docs: predefined variables; boto3 docs:
# credentials). No file of ours may hold the value of one of them.
SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "CI_BUILD_TOKEN",
    "CI_DEPENDENCY_PROXY_PASSWORD",
    "CI_DEPLOY_PASSWORD",
    "CI_JOB_TOKEN",
    "CI_REGISTRY_PASSWORD",
    "GITLAB_TOKEN",
    "ORCHESTRATOR_GITLAB_TOKEN",
    "TF_HTTP_PASSWORD",
)
# How people and other tools name theirs. What a name only suggests is hidden in messages.
_SECRET_NAME = re.compile(
    r"(.*(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|APIKEY)"
    r"|(.*_)?(AUTH|AUTH_CONFIG|JWT|KEY|PASS|PAT))(_?V?[0-9]+)?|TF_TOKEN_.+",
    re.I,
)
# Keys that open nothing: of caches, of objects in S3, and the public half of a pair.
_OPEN_NAME = re.compile(r"(.*_)?(PUBLIC|CACHE|CACHE_FALLBACK|OBJECT|S3|ARTIFACT|PACKAGE|SNAPSHOT)_KEY", re.I)
# A secret may be cut by the end of a line or by a change of colour (ECMA-48: CSI sequences).
_CUTS = re.compile(r"[\r\n]+|\x1b\[[0-?]*[ -/]*[@-~]")
# It ends with the last `@` before the path, so that a password with an `@` is hidden whole.
_USER_INFO = r"""[^\s/?#"'<>\x00-\x1f]"""  # RFC 3986
_USER = re.compile(rf"(?<=://){_USER_INFO}+@")

Span = tuple[int, int]


def secrets_of(name: str, value: str) -> tuple[str, ...]:
    """Return the secrets that a variable holds: by its name the whole value, by its form what logs in to a URL."""
    found = [value] if is_secret_name(name) else []
    for login in _logins(value):
        user, colon, password = login[0][:-1].partition(":")
        found += [password, unquote(password)] if colon else [user, unquote(user)]
    # A key file is shown line by line.
    lines = [line.strip() for text in found for line in (text, *text.splitlines())]
    return tuple(dict.fromkeys(line for line in lines if len(line) >= SHORTEST_SECRET))


def _logins(text: str) -> Iterator[re.Match[str]]:
    """Give what logs in to a URL; a short name without a password opens nothing."""
    return (found for found in _USER.finditer(text) if ":" in found[0] or len(found[0]) > SHORTEST_SECRET)


def is_secret_name(name: str) -> bool:
    """Tell whether a variable of this name is taken to hold a secret.

    Of our own variables (`ORCHESTRATOR_`) exactly one does.
    """
    if name in SECRET_VARIABLES:
        return True
    ours = name.startswith("ORCHESTRATOR_")
    return not ours and bool(_SECRET_NAME.fullmatch(name)) and not _OPEN_NAME.fullmatch(name)


def spellings(secret: str) -> frozenset[str]:
    """Return a secret as itself and as in URLs, JSON, Python, XML, shell, base64 (three alignments) and hexadecimal."""
    raw = secret.encode("utf-8", "surrogatepass")
    in_urls = {quote(raw, safe=safe) for safe in ("", "/", "!*'()")} | {quote_plus(raw)}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    # Go, and with it Terraform, writes these as numbers (encoding/json: HTMLEscape).
    in_json |= {re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text) for text in in_json}
    in_json |= {text.replace("/", "\\/") for text in in_json}
    in_xml = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    forms = {
        secret,
        *in_urls,
        *(re.sub("%..", lambda found: found[0].lower(), text) for text in in_urls),
        *in_json,
        *(re.sub(r"\\u....", lambda found: "\\u" + found[0][2:].upper(), text) for text in in_json),
        *(repr(secret)[1:-1], secret.replace("'", "'\"'\"'"), secret.replace("'", "'\\''")),
        *(in_xml, in_xml.replace('"', "&quot;"), in_xml.replace('"', "&quot;").replace("'", "&#x27;")),
        *(raw.hex(), raw.hex().upper()),
        *_in_base64(raw),
    }
    return frozenset(form for form in forms if len(form) >= min(SHORTEST_SECRET, len(secret)))


def _in_base64(raw: bytes) -> Iterator[str]:
    """Give what stands for these bytes wherever they begin; characters that depend on the neighbours are left out."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        for shift in range(3):
            first, last = (shift * 8 + 5) // 6, (shift + len(raw)) * 8 // 6
            yield encode(b"\0" * shift + raw).decode()[first:last]


class Secrets:
    """What must not be shown. It only grows: a secret that was once read stays one as long as the process lives."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._forms: set[str] = set()
        self._starts: dict[str, list[str]] = {}
        self._firm: dict[str, str] = {}
        self.longest = 0
        self.learn(environment or {})

    def learn(self, environment: Mapping[str, str]) -> None:
        """Hide what the variables of an environment hold."""
        for name, value in environment.items():
            for secret in secrets_of(name, value):
                self._add(secret, name if name in SECRET_VARIABLES else "")

    def hide(self, secret: str, name: str = "a secret that was read") -> str:
        """Hide a value from now on, and return it; it is not looked at how it is called."""
        if secret:
            self._add(secret, name)
        return secret

    def cleaned(self, text: str) -> str:
        """Return the text with a mark in place of every secret, and of every login in a URL."""
        return marked(text, self.spans(text))

    def spans(self, text: str) -> list[Span]:
        """Return where secrets stand in the text, in order, none touching another."""
        squeezed, places = squeeze(text)
        found = [(login.start(), login.end() - 1) for login in _logins(text)]
        for form in self._forms:
            at = squeezed.find(form)
            while at >= 0:
                found.append((places[at], places[at + len(form) - 1] + 1))
                at = squeezed.find(form, at + 1)
        return _merged(found)

    def begun(self, text: str) -> int:
        """Return where a secret begins that the text may be only the first part of; its length if there is none."""
        squeezed, places = squeeze(text)
        for at in range(max(0, len(squeezed) - self.longest + 1), len(squeezed)):
            rest = squeezed[at:]
            if any(form.startswith(rest) and form != rest for form in self._starts.get(rest[0], ())):
                return places[at]
        return len(text)

    def holder(self, text: str) -> str:
        """Return the name of a variable whose value the text holds for certain, or an empty text."""
        squeezed, _ = squeeze(text)
        return next((name for form, name in self._firm.items() if form in squeezed), "")

    def refuse(self, text: str, place: str) -> str:
        """Return a text that is to be kept at a place; raises Refused when a secret would be kept there, too."""
        name = self.holder(text)
        if name:
            raise Refused(
                f"{place} would hold a secret",
                detail=f"observed: the value of {name}\nexpected: no secret in a file that others read",
                hint="find out what brings it there: settings are no place for secrets, the SSM Parameter Store is",
            )
        return text

    def _add(self, secret: str, firmly: str) -> None:
        for form in filter(None, (squeeze(spelling)[0] for spelling in spellings(secret))):
            if firmly:
                self._firm.setdefault(form, firmly)
            if form not in self._forms:
                self._forms.add(form)
                self._starts.setdefault(form[0], []).append(form)
                self.longest = max(self.longest, len(form))


# The secrets of this process. There is one, because what is secret does not depend on who writes.
KNOWN = Secrets()


def redacted(text: str, secret: str) -> str:
    """Return the text without this secret, in whichever of its spellings it appears, and without logins in URLs."""
    only = Secrets()
    only.hide(secret)
    return only.cleaned(text)


def squeeze(text: str) -> tuple[str, range | list[int]]:
    """Return the text without what may cut a secret, and for each character of it the place where it was."""
    if "\n" not in text and "\r" not in text and "\x1b" not in text:
        return text, range(len(text))
    places: list[int] = []
    end = 0
    for cut in _CUTS.finditer(text):
        places += range(end, cut.start())
        end = cut.end()
    places += range(end, len(text))
    return _CUTS.sub("", text), places


def marked(text: str, spans: Iterable[Span], start: int = 0) -> str:
    """Return the text from `start` on with a mark for every span; lines that end inside of one still end."""
    shown = []
    for first, last in spans:
        if last > start:
            shown += [text[start:first], MARK, *_CUTS.findall(text[max(first, start) : last])]
            start = last
    return "".join([*shown, text[start:]])


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
