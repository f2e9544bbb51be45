"""Many origins, one package: every name once, and not more than Lambda takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.errors import BuildFailed
from orchestrator.packaging.assembly.entries import Entry, same_content
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES

_SHOWN = 5


def merge(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the entries by name, in the order of the names.

    Several origins may bring one file if its content is the same: the first of them counts, and it can be run if any
    of them can. Raises BuildFailed that names the origins and files for different content, and for a file that
    stands where another file needs a directory.
    """
    merged: dict[str, Entry] = {}
    different: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        other = merged.setdefault(entry.name, entry)
        if other is entry:
            continue
        if not same_content(other, entry):
            different.setdefault((other.origin, entry.origin), []).append(entry.name)
        elif entry.executable and not other.executable:
            merged[entry.name] = other._replace(executable=True)
    if different:
        raise _different(different)
    _check_directories(merged)
    return dict(sorted(merged.items()))


def check_size(entries: Mapping[str, Entry]) -> int:
    """Return the sum of the sizes; raises BuildFailed over Lambda's limit, naming what is largest."""
    total = sum(entry.size_bytes for entry in entries.values())
    if total <= UNZIPPED_LIMIT_BYTES:
        return total
    sizes: dict[str, int] = {}
    for entry in entries.values():
        top = entry.name.removeprefix("python/").split("/", 1)[0]
        label = entry.origin or f"`{top}` of the application"
        sizes[label] = sizes.get(label, 0) + entry.size_bytes
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    raise BuildFailed(
        "the package is larger than Lambda takes",
        detail=f"observed: {total} bytes unzipped, expected: at most {UNZIPPED_LIMIT_BYTES}\nlargest: "
        + ", ".join(f"{name} {size}" for name, size in largest),
        hint="remove what the runtime has or only tests need, leave files out with `exclude:`, or split off a layer",
    )


def _different(different: Mapping[tuple[str, str], list[str]]) -> BuildFailed:
    (first, second), names = next(iter(different.items()))
    lines = []
    for (left, right), found in different.items():
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        lines.append(f"{_origin(left)} and {_origin(right)}: {', '.join(f'`{name}`' for name in found[:_SHOWN])}{more}")
    if not first and not second:
        hint = "name one of the sources only, or rename one of the files"
    elif second:
        hint = f'remove one of them; a file that nothing imports can be left out: `exclude: ["{names[0]}"]`'
    else:
        hint = "rename the file of the application, or remove the dependency"
    return BuildFailed(
        f"{_both(first, second)} different files named `{names[0]}`",
        detail="observed: different files of one name\n" + "\n".join(lines),
        hint=hint,
    )


def _both(first: str, second: str) -> str:
    return f"{_origin(first)} and {_origin(second)} bring" if first or second else "two sources have"


def _origin(origin: str) -> str:
    return origin or "the application"


def _check_directories(merged: Mapping[str, Entry]) -> None:
    directories: set[str] = set()
    for name in merged:
        folder = name.rpartition("/")[0]
        while folder and folder not in directories:
            directories.add(folder)
            folder = folder.rpartition("/")[0]
    for name in sorted(directories & merged.keys()):
        inside = next(other for other in sorted(merged) if other.startswith(f"{name}/"))
        raise BuildFailed(
            f"`{name}` is a file and a directory",
            detail=f"observed: a file of {_origin(merged[name].origin)}, "
            f"and `{inside}` of {_origin(merged[inside].origin)}",
            hint="rename the file or the directory, or leave one out with `exclude:`",
        )
