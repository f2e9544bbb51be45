"""Deployment packages on disk, and the libraries that Lambda's Python brings with it."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

from orchestrator.emulator.aws.functions.catalogue import Function

# What the managed Python runtimes have installed (AWS docs: Lambda, lambda-python, "Runtime-included SDK").
_LIBRARIES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")


class Unpacked:
    """Packages below `directory`, one folder for each digest of code."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def task_root(self, function: Function) -> Path:
        """Return the folder with the function's files; raises zipfile.BadZipFile for code that is no archive."""
        return self._folder("code", ((function.code_sha256, function.code),))

    def layers(self, function: Function) -> Path:
        """Return the folder that is `/opt` in Lambda: the layers unpacked one over the other."""
        return self._folder("layers", function.layers)

    def _folder(self, kind: str, archives: tuple[tuple[str, bytes], ...]) -> Path:
        with self._lock:
            name = hashlib.sha256("\n".join(digest for digest, _ in archives).encode()).hexdigest()
            folder = self._directory / kind / name
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                fresh = Path(tempfile.mkdtemp(dir=folder.parent))
                try:
                    # zipfile keeps names inside of the folder, whatever they are
                    for _, code in archives:
                        with zipfile.ZipFile(io.BytesIO(code)) as archive:
                            archive.extractall(fresh)
                except zipfile.BadZipFile:
                    shutil.rmtree(fresh)
                    raise
                fresh.rename(folder)  # in one step, so that no half of a package is ever taken for the whole
            return folder

    def libraries(self) -> Path:
        """Return a folder that holds links to what a runtime brings, and to nothing else of this machine."""
        with self._lock:
            folder = self._directory / "libraries"
            folder.mkdir(parents=True, exist_ok=True)
            for name in _LIBRARIES:
                origin = _origin(name)
                link = folder / origin.name if origin else folder
                if origin and not link.exists():
                    link.unlink(missing_ok=True)  # it may lead to an installation that is gone
                    link.symlink_to(origin)
            return folder


def _origin(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path
