"""A git repository that has the objects of another one, and nothing else of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SHA256_DIGITS = 64
# What `export-subst` writes (`%D`, `%(describe)`) depends on branches and tags, which every checkout has others of.
_ATTRIBUTES = "* -export-subst\n"


@contextmanager
def objects_alone(objects: Path, sha: str) -> Iterator[Mapping[str, str]]:
    """Give the variables that make git see the commits below `objects`, and no refs, settings or attributes but ours.

    The directory is named in a variable and not in `info/alternates`, so that no character in its path means anything,
    and its own alternates count as they do in its own repository. `sha` says of which object format it is.
    """
    with tempfile.TemporaryDirectory(prefix="orchestrator-git-") as name:
        folder = Path(name)
        for part in ("objects", "refs", "info"):
            (folder / part).mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="utf-8")
        (folder / "config").write_text(_config(sha), encoding="utf-8")
        (folder / "info" / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")
        yield {
            "GIT_DIR": name,
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "HOME": name,
            "XDG_CONFIG_HOME": name,
        }


def _config(sha: str) -> str:
    if len(sha) == _SHA256_DIGITS:
        return "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n"
    return "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
