"""What is hidden, in which spellings, and what is left alone."""

from __future__ import annotations

import base64
import io
import itertools
import json
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.errors import Refused
from orchestrator.redacted_stream import RedactedStream
from orchestrator.redaction import (
    MARK,
    SECRET_VARIABLES,
    SHORTEST_SECRET,
    Secrets,
    is_secret_name,
    secrets_of,
    spellings,
    squeeze,
)

CANARY = "canary/+ 'of' <T14>&\"ß?~"
printable = st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("éß日\n")
values = st.text(printable, min_size=SHORTEST_SECRET, max_size=30).filter(
    lambda text: len(text.strip()) >= SHORTEST_SECRET and "\n" not in text
)


def written(text: str, secrets: Secrets, cuts: list[int], flushes: list[bool]) -> str:
    """Return what comes out when the text is written in pieces, with a flush behind some of them."""
    beneath = io.StringIO()
    stream = RedactedStream(beneath, secrets)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for number, (start, end) in enumerate(itertools.pairwise(places)):
        stream.write(text[start:end])
        if flushes and flushes[number % len(flushes)]:
            stream.flush()
    stream.finish()
    return beneath.getvalue()


def holds(text: str, secrets: list[str]) -> list[str]:
    """Return the spellings of the secrets that stand in a text, also where lines break."""
    bare = squeeze(text.replace(MARK, "\0"))[0]
    return [form for secret in secrets for form in spellings(secret) if form in bare]


@given(st.lists(values, min_size=1, max_size=3), st.data())
@settings(max_examples=400)
def test_no_spelling_of_a_secret_gets_through_in_any_pieces(secrets: list[str], data: st.DataObject) -> None:
    """Whatever is written in whatever pieces, lines and flushes: no spelling of a secret comes out."""
    forms = sorted(form for secret in secrets for form in spellings(secret))
    parts = data.draw(st.lists(st.sampled_from(forms) | st.text(printable, max_size=6), max_size=6))
    cuts = data.draw(st.lists(st.integers(0, sum(map(len, parts))), max_size=8))
    flushes = data.draw(st.lists(st.booleans(), max_size=4))
    known = Secrets({f"V{number}_TOKEN": secret for number, secret in enumerate(secrets)})
    assert holds(written("".join(parts), known, cuts, flushes), secrets) == []
    assert holds(known.cleaned("".join(parts)), secrets) == []


@given(
    st.text(printable | st.sampled_from("\x1b[1m\r\t")), values, st.lists(st.integers(0, 60), max_size=5), st.booleans()
)
@example("see https://host:443/x and git@host, ssh://git@host/x or a@b", "glptt-x-y-z", [9, 10, 11], True)
def test_text_without_secrets_is_not_changed(text: str, secret: str, cuts: list[int], flush: bool) -> None:
    """Every character that belongs to no secret comes out, in its place."""
    known = Secrets({"CI_JOB_TOKEN": secret})
    if known.spans(text):
        return
    assert written(text, known, cuts, [flush]) == text
    assert known.cleaned(text) == text


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        quote(CANARY, safe=""),
        quote(CANARY),
        quote_plus(CANARY),
        quote(CANARY, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%C3%9F", "%c3%9f")
        .replace("%3C", "%3c").replace("%3E", "%3e").replace("%3F", "%3f"),
        json.dumps(CANARY),
        json.dumps(CANARY, ensure_ascii=False),
        json.dumps(CANARY).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        repr(CANARY),
        CANARY.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        CANARY.encode().hex(),
        *(base64.b64encode(b"x" * shift + CANARY.encode() + b"yz").decode() for shift in range(3)),
        *(base64.urlsafe_b64encode(b"x" * shift + CANARY.encode()).decode().rstrip("=") for shift in range(3)),
    ],
)  # fmt: skip
def test_each_usual_spelling_is_hidden(form: str) -> None:
    """As in a URL, in JSON, in Python, in XML, in hexadecimal and in base64 with anything around it."""
    known = Secrets({"CI_JOB_TOKEN": CANARY})
    assert MARK in known.cleaned(f"before {form} behind")
    assert holds(known.cleaned(f"before {form} behind"), [CANARY]) == []


def test_a_secret_over_two_lines_or_two_colours_is_hidden() -> None:
    """A terminal that wraps, base64 in lines of 76, and a highlighter that colours digits hide nothing from us."""
    known = Secrets({"CI_JOB_TOKEN": "glptt-1234567890"})
    assert known.cleaned("a glptt-12345\n67890 b") == f"a {MARK}\n b"
    assert known.cleaned("a glptt-\x1b[36m1234567890\x1b[0m b") == f"a {MARK}\x1b[36m\x1b[0m b"
    key = "-----BEGIN X-----\n" + "\n".join(string.ascii_letters[n:] for n in range(3)) + "\n-----END X-----\n"
    shown = [Secrets({"SSH_PRIVATE_KEY": key}).cleaned(f"  | {line}") for line in key.splitlines()]
    assert set(shown) == {f"  | {MARK}"}


@pytest.mark.parametrize(
    "name",
    [
        *SECRET_VARIABLES, "NPM_TOKEN", "db_password", "DBPASSWORD", "VAULT_TOKEN", "CI_JOB_JWT_V2", "SSH_PRIVATE_KEY",
        "API_KEY", "APIKEY", "COOKIE_SECRET", "GOOGLE_CREDENTIALS", "SMTP_PASS", "DEPLOY_PAT", "DOCKER_AUTH_CONFIG",
        "PASSWORD2", "UV_INDEX_CORP_PASSWORD", "TF_TOKEN_app_terraform_io",
    ],
)  # fmt: skip
def test_variables_that_hold_secrets_are_known_by_name(name: str) -> None:
    """What people call a token, a password, a secret or a key is one."""
    assert secrets_of(name, "0123456789") == ("0123456789",)


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "CI_COMMIT_SHA", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "GIT_ASKPASS", "CACHE_KEY",
        "CACHE_FALLBACK_KEY", "SSH_PUBLIC_KEY", "ORCHESTRATOR_PACKAGE_KEY", "ORCHESTRATOR_TOKEN_PARAMETER",
        "TOKENS_USED", "MONKEY", "S3_KEY", "CI_TRIGGER_PAYLOAD", "KEYBOARD", "SSH_AUTH_SOCK",
    ],
)  # fmt: skip
def test_other_variables_are_not(name: str) -> None:
    """Identifiers, files, keys of caches and of objects are shown: messages without them would help nobody."""
    assert not is_secret_name(name)
    assert secrets_of(name, "0123456789") == ()


@pytest.mark.parametrize(
    ("value", "hidden", "shown"),
    [
        ("https://user:p%40ssw0rd!@host/simple", ["p%40ssw0rd!", "p@ssw0rd!"], ["user", "host"]),
        ("https://glpat-0123456789@host/simple", ["glpat-0123456789"], ["host"]),
        ("--extra-index-url https://u:first-one@a/ --index-url https://u:other-one@b/", ["first-one", "other-one"], []),
        ("ssh://git@host/group/name.git", [], ["git"]),
    ],
)
def test_a_login_in_any_variable_is_a_secret(value: str, hidden: list[str], shown: list[str]) -> None:
    """The password of an index, a proxy or a repository is hidden wherever it shows up, not only in its URL."""
    known = Secrets({"PIP_INDEX_URL": value})
    assert [known.cleaned(f"it is {word}.") for word in hidden] == [f"it is {MARK}."] * len(hidden)
    assert [known.cleaned(f"it is {word}.") for word in shown] == [f"it is {word}." for word in shown]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("proxy http://u:p@host:80/x", "proxy http://[redacted]@host:80/x"),
        ("https://u:p@ss:w@rd@host", "https://[redacted]@host"),
        ("https://oauth2-token-1@host", "https://[redacted]@host"),
        ("ssh://git@host", "ssh://git@host"),
        ("http://a.b/c@d and http://a.b?c@d", "http://a.b/c@d and http://a.b?c@d"),
    ],
)
def test_a_login_in_a_url_of_others_is_hidden(text: str, shown: str) -> None:
    """What logs in to a URL is hidden although nobody has told us; the rest of the URL stays."""
    assert Secrets().cleaned(text) == shown
    assert written(text, Secrets(), list(range(len(text))), [True]) == shown


def test_short_values_hide_nothing() -> None:
    """A variable that is empty, or holds a word of less than eight characters, does not turn messages into noise."""
    known = Secrets(dict.fromkeys(SECRET_VARIABLES, "abcdefg") | {"X_TOKEN": "", "Y_KEY": " " * 9})
    assert known.cleaned("abcdefg and         all is well") == "abcdefg and         all is well"


def test_only_what_is_certainly_a_secret_keeps_a_file_from_being_written() -> None:
    """The job's own tokens stop a file; a name that only sounds like one does not, or no cache key could be a word."""
    known = Secrets({"CI_JOB_TOKEN": "glcbt-0123456789", "SORT_KEY": "production"})
    assert known.refuse("stage: production", "x") == "stage: production"
    for form in spellings("glcbt-0123456789"):
        with pytest.raises(Refused, match="the plan") as caught:
            known.refuse(f"x{form}y", "the plan")
        assert holds(str(caught.value), ["glcbt-0123456789"]) == []
    known.hide("glptt-9876543210", "the SSM parameter `/t`")
    assert known.holder("a glptt-9876543210 b") == "the SSM parameter `/t`"


def test_a_stream_stays_what_it_was() -> None:
    """Colours, width and encoding are asked of the stream beneath; bytes that are no text come out as they went in."""
    beneath = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    stream = RedactedStream(beneath, Secrets({"CI_JOB_TOKEN": "glcbt-0123456789"}))
    assert (stream.encoding, stream.isatty(), stream.writable()) == ("ascii", False, True)
    with pytest.raises(TypeError):
        stream.write(b"x")  # type: ignore[arg-type]
    stream.write("a glcbt-")
    stream.buffer.write(b"0123456789 \xff\xfe b")
    stream.finish()
    assert beneath.buffer.getvalue() == b"a [redacted] \xff\xfe b"  # type: ignore[attr-defined]
