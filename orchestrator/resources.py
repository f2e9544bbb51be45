"""The folders that travel with the package: `terraform/`, `buildspecs/`, `templates/`, `examples/`."""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CALLED = re.compile(r'^  source += "\./modules/([a-z-]+)"$', re.MULTILINE)


def folder(name: str) -> Path:
    """Return the path of a folder: inside an installed wheel, or at the top of the checkout."""
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def terraform_files() -> dict[str, str]:
    """Return the text of the Terraform root and of the modules that it calls, by relative path.

    The other modules are for people to apply, and no part of what prebuild applies.
    """
    root = folder("terraform")
    called = _CALLED.findall((root / "main.tf").read_text(encoding="utf-8"))
    files = [*root.glob("*.tf"), *(file for name in called for file in (root / "modules" / name).glob("*.tf"))]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(files)}
