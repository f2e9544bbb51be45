"""A row of the table of Lambda runtimes, as `runtimes:` may add or correct one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from orchestrator.config.fields import Date, Library, Model, VersionText
from orchestrator.packaging.runtimes import runtimes

SYSTEMS = sorted({row.system for row in runtimes().values()})
NAMES = sorted(runtimes(), key=lambda name: (not name.startswith("python"), name))
Symbols = Literal["GLIBC", "GLIBCXX", "CXXABI", "GCC"]
Libraries = Annotated[tuple[Library, ...], Field(strict=False, max_length=200)]


def _system(text: str) -> str:
    if text not in SYSTEMS:
        raise ValueError(f"expected {' or '.join(f'`{name}`' for name in SYSTEMS)}")
    return text


class RuntimeRow(Model):
    """A Lambda runtime that the built-in table lacks, or what it says wrong about one."""

    system: Annotated[str, AfterValidator(_system)] | None = Field(
        default=None,
        description="Operating system of the runtime; only a runtime of the built-in table may leave it out.",
        json_schema_extra={"enum": [*SYSTEMS, None]},
    )
    python: VersionText | None = Field(
        default=None, description="Version of its Python; none for a runtime of another language.", examples=["3.15"]
    )
    versions: Mapping[Symbols, VersionText] | None = Field(
        default=None,
        description="Newest symbol versions of its libraries, where they differ from the system's.",
        examples=[{"GLIBCXX": "3.4.33"}],
    )
    guaranteed: Libraries | None = Field(
        default=None, description="Further libraries that every function finds.", examples=[["libexpat.so.1"]]
    )
    present: Libraries | None = Field(
        default=None,
        description="Libraries that are there today and promised by nobody, in place of the system's list.",
        examples=[["libcurl.so.4"]],
    )
    deprecated: Date | None = Field(
        default=None, description="Day after which AWS no longer maintains it.", examples=["2029-06-30"]
    )
    block_create: Date | None = Field(default=None, description="Day from which no function can be created with it.")
    block_update: Date | None = Field(default=None, description="Day from which no function can be updated with it.")

    def as_row(self) -> dict[str, Any]:
        """Return the row as the table has its rows, with only what was written."""
        return self.model_dump(mode="json", exclude_none=True)
