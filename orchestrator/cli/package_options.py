"""Options that the commands of `package` share, and what their texts mean."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.inspection.model import Allowance, Rule
from orchestrator.packaging.runtimes import Target, target_of

_ALLOWANCE = re.compile(r"(?P<rule>[a-z]+)(:(?P<file>[^:=]+))?(:(?P<subject>[^=]+))?=(?P<reason>.*)", re.DOTALL)
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)

architecture_option = click.option(
    "--architecture", default="arm64", show_default=True, help="`arm64` or `x86_64`, as Lambda spells them."
)
runtime_option = click.option("--runtime", default="python3.12", show_default=True, help="The Lambda runtime.")
table_option = click.option(
    "--runtimes",
    "table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON with rows that add to the table of runtimes, or replace them.",
)
allow_option = click.option(
    "--allow",
    multiple=True,
    metavar="RULE[:FILE[:SUBJECT]]=REASON",
    help="A finding to live with, such as `library:cv2/*:libGL.so.1=headless use only`.",
)


def target(architecture: str, runtime: str, table: Path | None) -> Target:
    """Return the target; raises ConfigurationError for unknown words and a table that is none."""
    return target_of(architecture, runtime, _rows(table) if table else None)


def allowances(texts: Sequence[str]) -> tuple[Allowance, ...]:
    """Return what `--allow` says; raises ConfigurationError."""
    return tuple(_allowance(text) for text in texts)


def variables(texts: Sequence[str]) -> dict[str, str]:
    """Return what `NAME=VALUE` texts say; raises ConfigurationError without repeating a value."""
    found = {}
    for text in texts:
        match = _VARIABLE.fullmatch(text)
        if match is None:
            raise ConfigurationError(
                f"`--environment {text.partition('=')[0]}` is not understood",
                detail="expected: NAME=VALUE",
                hint="write it like `--environment PYCURL_SSL_LIBRARY=openssl`",
            )
        found[match["name"]] = match["value"]
    return found


def _allowance(text: str) -> Allowance:
    match = _ALLOWANCE.fullmatch(text)
    rules = [rule.value for rule in Rule]
    if match is None or match["rule"] not in rules or not match["reason"].strip():
        raise ConfigurationError(
            f"`--allow {text}` is not understood",
            detail=f"expected: RULE[:FILE[:SUBJECT]]=REASON, where RULE is one of {', '.join(rules)}",
            hint="give a reason that tells the next reader why this is fine",
        )
    return Allowance(Rule(match["rule"]), match["reason"].strip(), match["file"] or "*", match["subject"] or "*")


def _rows(path: Path) -> dict[str, object]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"`{path}` cannot be read", detail=str(error), hint="write JSON") from None
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise ConfigurationError(
            f"`{path}` is no table of runtimes",
            detail='expected: an object such as {"python3.15": {"system": "Amazon Linux 2023", "python": "3.15"}}',
            hint="write one row per runtime",
        )
    return rows
