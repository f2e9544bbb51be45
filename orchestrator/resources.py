"""The folders that travel with the package: `terraform/`, `buildspecs/`, `templates/`, `examples/`."""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CALLED = re.compile(r'^  source += "\.{1,2}/(?:modules/)?([a-z-]+)"$', re.MULTILINE)


def folder(name: str) -> Path:
    """Return the path of a folder: inside an installed wheel, or at the top of the checkout."""
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def terraform_files(root: str = "") -> dict[str, str]:
    """Return the text of a Terraform root and of the modules that it calls, by relative path.

    The root is a folder of `terraform/`; without a name it is that of a project. The modules that it does not call are
    no part of what is applied. In what is returned they lie below the root, so that it can be run anywhere.
    """
    base = folder("terraform")
    files = {name: text.replace('"../modules/', '"./modules/') for name, text in _texts(base / root, "").items()}
    waiting = _called(files)
    while waiting:
        name = waiting.pop()
        module = _texts(base / "modules" / name, f"modules/{name}/")
        waiting += [other for other in _called(module) if f"modules/{other}/main.tf" not in files]
        files |= module
    return files


def _texts(place: Path, prefix: str) -> dict[str, str]:
    return {f"{prefix}{path.name}": path.read_text(encoding="utf-8") for path in sorted(place.glob("*.tf"))}


def _called(files: dict[str, str]) -> list[str]:
    return [name for text in files.values() for name in _CALLED.findall(text)]


def module_files(name: str) -> dict[str, str]:
    """Return the text of one of the Terraform modules that people call, by file name."""
    files = sorted((folder("terraform") / "modules" / name).glob("*.tf"))
    return {path.name: path.read_text(encoding="utf-8") for path in files}
