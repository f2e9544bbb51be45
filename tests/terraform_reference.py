"""Writes the reference page of the Terraform files from the files: `python tests/terraform_reference.py DIR`.

It stands here and not in the package, because nobody but a developer needs a parser of HCL.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2

PAGE = "terraform.md"
SOURCE = Path(__file__).resolve().parents[1] / "terraform"
_HEAD = """\
# Terraform

This page is generated from the files in `terraform/`; change them, then run
`python tests/terraform_reference.py docs/reference`.

What the roots are for is told in [Terraform](../terraform.md) and [Platform](../platform.md), and how a module is
called in its own README. A variable is *required* if it has no default. What is refused is told in the words of the
refusal; Terraform says them before it asks AWS for anything.
"""
# A type with more characters than this does not stand in the table but below it.
_LONGEST = 60
_ROOTS = {".": "The root that `prebuild` applies", "platform": "The root that `platform apply` applies"}


def folders() -> list[str]:
    """Return the roots and the modules, as folders below `terraform/`."""
    return [*_ROOTS, *sorted(f"modules/{path.parent.name}" for path in SOURCE.glob("modules/*/main.tf"))]


def page() -> str:
    """Return the text of the page: versions, variables, refusals and outputs of every folder."""
    return _HEAD + "".join(section for folder in folders() for section in _folder(folder))


def write(directory: Path) -> None:
    """Write the page into an existing directory."""
    (directory / PAGE).write_text(page(), encoding="utf-8")


def blocks(file: Path, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the blocks of one kind in a file, by label.

    Values are those of `hcl2`: a quoted string keeps its quotes, an expression is in `${}`.
    """
    found = _read(file)[kind]
    return {_text(label): block[label] for block in found for label in block if not label.startswith("__")}


def _read(file: Path) -> Any:
    options = hcl2.SerializationOptions(with_comments=False, preserve_heredocs=False)
    return hcl2.loads(file.read_text("utf-8"), serialization_options=options)


def _folder(folder: str) -> Iterator[str]:
    files = SOURCE / folder
    variables, outputs = blocks(files / "variables.tf", "variable"), blocks(files / "outputs.tf", "output")
    name = folder.rpartition("/")[2]
    yield f"\n## {_ROOTS.get(folder) or f'Module {name}'}\n\n"
    if folder not in _ROOTS:
        yield f"[How it is called, and what it makes](../../terraform/{folder}/README.md). "
    yield f"Needs {_needs(files / 'versions.tf')}.\n"
    yield "\n| variable | type | default | what it is |\n|---|---|---|---|\n"
    for name, body in variables.items():
        kind = _short(_hcl(body["type"]))
        default = f"`{_cell(_hcl(body['default']))}`" if "default" in body else "*required*"
        yield f"| `{name}` | `{kind}` | {default} | {_cell(_text(body['description']))} |\n"
    for name, body in variables.items():
        if len(kind := _hcl(body["type"])) > _LONGEST:
            yield f"\nThe type of `{name}`:\n\n```hcl\n{_aligned(_spread(f'type = {kind}'))}\n```\n"
    rules = [(name, rule) for name, body in variables.items() for rule in body.get("validation", [])]
    if rules:
        yield "\n| refused | in these words |\n|---|---|\n"
    for name, rule in rules:
        yield f"| `{name}` | {_cell(_text(rule['error_message']))} |\n"
    yield "\n| output | what it is | what is in it |\n|---|---|---|\n"
    for name, body in outputs.items():
        keys = body["value"] if isinstance(body["value"], Mapping) else {}
        inside = ", ".join(f"`{key}`" for key in keys if not key.startswith("__"))
        yield f"| `{name}` | {_cell(_text(body['description']))} | {inside} |\n"


def _needs(file: Path) -> str:
    """Return the versions that a folder asks for."""
    (settings,) = _read(file)["terraform"]
    (providers,) = settings["required_providers"]
    versions = {name: _text(body["version"]) for name, body in providers.items() if isinstance(body, Mapping)}
    told = [f"Terraform `{_text(settings['required_version'])}`"]
    return ", ".join([*told, *(f"provider `{name}` `{version}`" for name, version in versions.items())])


def _text(quoted: str) -> str:
    """Return what a quoted string of HCL says; the escapes are those of JSON, and `$${` and `%%{`."""
    said = json.loads(quoted) if quoted.startswith('"') else quoted.removeprefix("${").removesuffix("}")
    return str(said).replace("$${", "${").replace("%%{", "%{")


def _hcl(value: object) -> str:
    """Return a value as HCL writes it, in one line."""
    if isinstance(value, Mapping):
        pairs = [f"{key} = {_hcl(item)}" for key, item in value.items() if not str(key).startswith("__")]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_hcl, value))}]"
    if isinstance(value, str):
        return value.removeprefix("${").removesuffix("}") if value.startswith("${") else value
    return json.dumps(value)


def _spread(kind: str) -> str:
    """Return a type with each attribute of an object in a line of its own; a default stays in its line."""
    text, opened = "", [""]
    for token in re.findall(r'"[^"]*"|\{\}|, |object\(\{|\}\)|[(){}\[\]]| +|[^(){}\[\], "]+', kind):
        inside = opened[-1]
        if token in {"object({", "(", "[", "{"}:
            opened.append(token)
        elif token in {"})", ")", "]", "}"}:
            opened.pop()
        line = "\n" + "  " * opened.count("object({")
        spread = {"object({": f"object({{{line}", "})": f"{line}}})", "{": "{ ", "}": " }"}
        text += line if token == ", " and inside == "object({" else spread.get(token, token)
    return text


def _aligned(text: str) -> str:
    """Return the text as `terraform fmt` has it: the equals signs of neighbours below each other."""
    lines: list[str] = []

    def alone(line: str) -> bool:
        return line.endswith("{") or line.lstrip().startswith("}")

    for several, group in itertools.groupby(text.splitlines(), key=alone):
        pairs = [line.split(" = ", 1) for line in group]
        width = 0 if several else max(len(name) for name, _ in pairs)
        lines += [" = ".join([pair[0].ljust(width), *pair[1:]]) for pair in pairs]
    return "\n".join(lines)


def _short(kind: str) -> str:
    """Return a type as it stands in the table: the attributes of a large one are listed below."""
    if len(kind) <= _LONGEST:
        return kind
    around = kind.partition("object")[0]
    return f"{around}object(…){')' * around.count('(')}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
