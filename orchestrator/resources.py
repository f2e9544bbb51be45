"""The folders that travel with the package: `terraform/`, `buildspecs/`, `templates/`, `examples/`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_LEFT_OUT = {".terraform", ".orchestrator", "__pycache__", "examples", "tests"}


def folder(name: str) -> Path:
    """Return the path of a folder: inside an installed wheel, or at the top of the checkout."""
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def terraform_files() -> dict[str, str]:
    """Return the text of every file of the Terraform root and its modules, by relative path."""
    root = folder("terraform")
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*.tf"))
        if not _LEFT_OUT & set(path.relative_to(root).parts)
    }
