"""Where functions begin: modules with `handler(event, context)` or `lambda_handler(event, context)`."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.discovery.tree import Tree, folder_of, is_aside

NAMES = ("lambda_handler", "handler")


@dataclass(frozen=True)
class Handler:
    """A function that Lambda can call; `folder` is what has to be the top of the zip so that its imports work."""

    path: str
    function: str
    folder: str


def handlers(tree: Tree) -> tuple[Handler, ...]:
    """Return the handlers of a repository, by path."""
    return tuple(
        Handler(path, function, import_root(tree, path))
        for path in sorted(tree.files)
        if path.endswith(".py") and not is_aside(path) and not _is_test(path)
        for function in _first(tree.files[path])
    )


def import_root(tree: Tree, path: str) -> str:
    """Return the folder from which Python imports a module: the first one around it that is no package."""
    folder = folder_of(path)
    while folder != "." and tree.beside(folder, "__init__.py"):
        folder = folder_of(folder)
    return folder


def _is_test(path: str) -> bool:
    name = PurePosixPath(path).stem
    return name.startswith("test_") or name.endswith("_test") or name in ("conftest", "setup")


def _first(text: str) -> Iterator[str]:
    """Yield the handler of a module: at most one, the more telling name first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # somebody else's invalid escapes
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # Python 2, templates, what only looks like Python
        return
    names = {node.name for node in body if isinstance(node, ast.FunctionDef) and _takes_event(node)}
    yield from [name for name in NAMES if name in names][:1]


def _takes_event(node: ast.FunctionDef) -> bool:
    taken = [argument.arg.lstrip("_") for argument in (*node.args.posonlyargs, *node.args.args)]
    return taken[:2] == ["event", "context"]
