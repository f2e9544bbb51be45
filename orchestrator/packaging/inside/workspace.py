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
    def work(self) -> Path:
        """Everything that is made on the way to the package."""
        return self.private / "work"

    @property
    def cache(self) -> Path:
        """Downloads and uv's own cache; they go with the build."""
        return self.private / "cache"

    @property
    def package(self) -> Path:
        """The finished zip."""
        return self.private / "package.zip"

    @property
    def manifest(self) -> Path:
        """The manifest: written by `build` when all else is finished, completed by `deliver` with where it lies."""
        return self.private / "manifest.json"

    @property
    def sbom(self) -> Path:
        """The bill of materials of the package."""
        return self.private / "sbom.cdx.json"

    @property
    def provenance(self) -> Path:
        """The statement about how the package was made."""
        return self.private / "provenance.json"

    @property
    def lock(self) -> Path:
        """The lock of the dependencies; absent for a package that has none."""
        return self.private / "pylock.toml"

    @property
    def documents(self) -> dict[str, Path]:
        """The documents that the manifest vouches for, by their key in `documents.bundle.NAMES`."""
        return {"sbom": self.sbom, "provenance": self.provenance, "lock": self.lock}

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
