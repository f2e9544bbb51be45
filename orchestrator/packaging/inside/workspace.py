"""Where the files of one build lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The places of one build.

    `private` is the directory that holds the zipapp: the buildspec makes it anew for every build, only its
    owner can read it, and nothing in it ever becomes part of a package. `root` is `CODEBUILD_SRC_DIR`.
    """

    private: Path
    root: Path

    @property
    def tree(self) -> Path:
        """The files of the commit."""
        return self.root / "source"

    @property
    def tools(self) -> Path:
        """The pinned tools, apart from every package."""
        return self.private / "tools"

    @property
    def uv(self) -> Path:
        """The pinned uv."""
        return self.tools / "bin" / "uv"

    @property
    def resolution(self) -> Path:
        """Requirements, wheels made here, and the lock; uv runs in it, so that the lock has relative paths."""
        return self.private / "resolution"

    @property
    def dependencies(self) -> Path:
        """The installed dependencies of the package."""
        return self.private / "dependencies"

    @property
    def package(self) -> Path:
        """The finished zip."""
        return self.private / "package.zip"

    @property
    def record(self) -> Path:
        """What `build` says about the package to `deliver`."""
        return self.private / "package.json"

    @property
    def manifest(self) -> Path:
        """The manifest as it is uploaded."""
        return self.private / "manifest.json"

    @property
    def manifest_digest(self) -> Path:
        """The sha256 of the manifest in hex, which the buildspec exports."""
        return self.private / "manifest.sha256"

    @property
    def triggered(self) -> Path:
        """Exists as soon as the pipeline has been called once."""
        return self.private / "triggered"

    def done(self, phase: str) -> Path:
        """Exists when the command of that phase has ended well."""
        return self.private / f"{phase}.done"
