"""The expressions of `rules:if` (GitLab docs: ci/jobs/job_rules, CI/CD variable expressions)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.emulator.gitlab.ci import patterns
from orchestrator.emulator.gitlab.ci.errors import ConfigError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<parenthesis>[()])
    | (?P<variable>\$\w+)
    | (?P<string>"[^"]*"|'[^']*')
    | (?P<pattern>/(?:[^/\\]|\\.)+/[ismU]*)
    | (?P<null>null)(?!\w)
    | (?P<operator>==|=~|!=|!~|&&|\|\|)
    )""",
    re.VERBOSE,
)
_COMPARISONS = frozenset({"==", "!=", "=~", "!~"})
_LITERALS = frozenset({"variable", "string", "pattern", "null"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True)
class _Leaf:
    token: _Token


@dataclass(frozen=True)
class _Branch:
    operator: str
    left: _Node
    right: _Node


_Node = _Leaf | _Branch
_Value = str | bool | None


class ExpressionError(ConfigError):
    """The expression cannot be read."""


def holds(expression: str, variables: Mapping[str, str]) -> bool:
    """Tell whether an expression is true; an undefined variable is null, an empty text is false.

    Raises `ExpressionError` when the expression cannot be read.
    """
    return _present(_evaluate(parse(expression), variables))


@lru_cache(maxsize=1024)
def parse(expression: str) -> _Node:
    """Return the expression as a tree; `&&` binds tighter than `||`, comparisons tighter than both."""
    tokens = _tokens(expression)
    try:
        node, position = _or(tokens, 0)
    except RecursionError:
        raise ExpressionError("invalid expression syntax") from None
    if position != len(tokens):
        raise ExpressionError("invalid expression syntax")
    return node


def _tokens(expression: str) -> list[_Token]:
    found, position = [], 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError("invalid expression syntax")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _peek(tokens: list[_Token], position: int) -> str:
    return tokens[position].text if position < len(tokens) and tokens[position].kind == "operator" else ""


def _or(tokens: list[_Token], position: int) -> tuple[_Node, int]:
    left, position = _and(tokens, position)
    while _peek(tokens, position) == "||":
        right, position = _and(tokens, position + 1)
        left = _Branch("||", left, right)
    return left, position


def _and(tokens: list[_Token], position: int) -> tuple[_Node, int]:
    left, position = _comparison(tokens, position)
    while _peek(tokens, position) == "&&":
        right, position = _comparison(tokens, position + 1)
        left = _Branch("&&", left, right)
    return left, position


def _comparison(tokens: list[_Token], position: int) -> tuple[_Node, int]:
    left, position = _operand(tokens, position)
    while (operator := _peek(tokens, position)) in _COMPARISONS:
        right, position = _operand(tokens, position + 1)
        left = _Branch(operator, left, right)
    return left, position


def _operand(tokens: list[_Token], position: int) -> tuple[_Node, int]:
    if position >= len(tokens):
        raise ExpressionError("invalid expression syntax")
    token = tokens[position]
    if token.kind in _LITERALS:
        return _Leaf(token), position + 1
    if token.text != "(":
        raise ExpressionError("invalid expression syntax")
    node, position = _or(tokens, position + 1)
    if position >= len(tokens) or tokens[position].text != ")":
        raise ExpressionError("invalid expression syntax")
    return node, position + 1


def _present(value: _Value) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _evaluate(node: _Node, variables: Mapping[str, str]) -> _Value:
    if isinstance(node, _Leaf):
        return _literal(node.token, variables)
    if node.operator == "&&":
        return _present(_evaluate(node.left, variables)) and _present(_evaluate(node.right, variables))
    if node.operator == "||":
        return _present(_evaluate(node.left, variables)) or _present(_evaluate(node.right, variables))
    left, right = _evaluate(node.left, variables), _evaluate(node.right, variables)
    if node.operator in {"==", "!="}:
        return (left == right) == (node.operator == "==")
    return _matches(left, right) == (node.operator == "=~")


def _literal(token: _Token, variables: Mapping[str, str]) -> _Value:
    if token.kind == "variable":
        return variables.get(token.text[1:])
    if token.kind == "string":
        return token.text[1:-1]
    return token.text if token.kind == "pattern" else None


def _matches(left: _Value, right: _Value) -> bool:
    if not isinstance(right, str):
        return False
    try:
        expression = pattern_of(right)
        return expression is not None and patterns.found(expression, left if isinstance(left, str) else "")
    except patterns.BadPattern as problem:
        raise ExpressionError(f"invalid expression syntax: `{right}` {problem}") from None


@lru_cache(maxsize=512)
def pattern_of(text: str) -> re.Pattern[str] | None:
    r"""Return the regular expression that `/…/flags` stands for, None when the text is not of that form.

    Raises `patterns.BadPattern`.
    GitLab uses RE2: `$` without the flag `m` is the very end of the text, `\z` too.
    """
    match = re.fullmatch(r"/((?:[^/\\]|\\.)+)/([ismU]*)", text, re.DOTALL)
    if match is None:
        return None
    body = match[1].replace("\\/", "/")
    flags = 0
    for letter, flag in (("i", re.IGNORECASE), ("s", re.DOTALL), ("m", re.MULTILINE)):
        flags |= flag if letter in match[2] else 0
    return patterns.compiled(_as_python(body, multiline="m" in match[2]), flags)


def _as_python(body: str, *, multiline: bool) -> str:
    pieces, inside = [], False
    for piece in re.findall(r"\\.|[^\\]", body, re.DOTALL):
        if piece in {"[", "]"}:
            inside = piece == "["
        end = piece == "\\z" or (piece == "$" and not inside and not multiline)
        pieces.append("\\Z" if end else piece)
    return "".join(pieces)
