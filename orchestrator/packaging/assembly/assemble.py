"""The story of one zip: open the wheels, place their files and the application's, check, write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from packaging.utils import canonicalize_name

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, Refused
from orchestrator.packaging.assembly.application import application_files
from orchestrator.packaging.assembly.archive import write_zip
from orchestrator.packaging.assembly.bytecode import Compiled, compile_entries
from orchestrator.packaging.assembly.compress import compressor
from orchestrator.packaging.assembly.entries import Entry
from orchestrator.packaging.assembly.merge import check_size, merge
from orchestrator.packaging.assembly.model import Assembled, Order
from orchestrator.packaging.assembly.names import check_name
from orchestrator.packaging.assembly.patterns import Patterns
from orchestrator.packaging.assembly.unpack import Unpacked, notes_of, record_of, unpack
from orchestrator.packaging.assembly.wheel import OpenWheel, open_wheel
from orchestrator.packaging.wheels.model import Wheel
from orchestrator.packaging.zip_directory import mapped
from orchestrator.packaging.zip_end import UnreadableZip


def assemble(order: Order, output: Path) -> Assembled:
    """Make the zip at `output`, which appears whole or not at all. The same order gives the same bytes.

    Raises BuildFailed for a package that is empty, over Lambda's limit, or has two different files of one name;
    Refused for wheels that are not what they claim to be, hostile names, and files that change meanwhile;
    ConfigurationError for wrong patterns and sources; MachineryError if the disk is full or a file cannot be read.
    """
    _check_order(order)
    patterns = Patterns(order.exclude)
    site = "python/" if order.kind == "layer" else ""
    with ExitStack() as stack:
        wheels = [_open(wheel, stack) for wheel in sorted(order.wheels, key=_sort_key)]
        unpacked = [unpack(wheel, site) for wheel in wheels]
        entries = merge(_kept(_all(unpacked, order, output), patterns))
        if not entries:
            raise BuildFailed("the package would be empty", hint="check `source:`, `requirements:` and `exclude:`")
        check_size(entries)
        compiled = _compiled(entries, order)
        pyc = list(_kept(compiled.entries, patterns))
        records = _records(wheels, unpacked, {*entries, *(entry.name for entry in pyc)}, site, pyc)
        entries = merge([*entries.values(), *pyc, *_kept(records, patterns)])
        unzipped_bytes = check_size(entries)
        write_zip(list(entries.values()), output)
    notes = [note for wheel, files in zip(wheels, unpacked, strict=True) for note in notes_of(wheel, files)]
    return Assembled(
        unzipped_bytes=unzipped_bytes,
        files=len(entries),
        origins={name: entry.origin for name, entry in entries.items()},
        notes=(*notes, *compiled.notes, *patterns.notes()),
        compressor=compressor(),
        interpreter=compiled.interpreter,
    )


def _check_order(order: Order) -> None:
    if order.kind == "custom" and (order.wheels or order.bytecode):
        raise ConfigurationError(
            "a package of kind `custom` is packed as its commands leave it",
            detail=f"observed: {'dependencies' if order.wheels else '`bytecode: true`'}, expected: neither",
            hint="let the commands install and compile, or choose `kind: function`",
        )
    if order.bytecode and order.interpreter is None:
        raise ConfigurationError(
            f"there is no Python {order.target.python_version} on this machine that could compile for {order.target}",
            hint="install it, or build without `bytecode:`",
        )


def _sort_key(wheel: Wheel) -> tuple[str, str, str]:
    return canonicalize_name(wheel.name), wheel.version, wheel.sha256


def _open(wheel: Wheel, stack: ExitStack) -> OpenWheel:
    try:
        whole = stack.enter_context(mapped(wheel.path))
    except UnreadableZip as error:
        raise Refused(f"the wheel of {wheel} cannot be read", detail=error.detail, hint="download it again") from None
    except OSError as error:
        raise MachineryError(f"cannot read the wheel of {wheel}", detail=str(error), hint="try again") from error
    return open_wheel(wheel, whole)


def _all(unpacked: Sequence[Unpacked], order: Order, output: Path) -> Iterator[Entry]:
    for files in unpacked:
        yield from files.entries
    yield from application_files(order, output)


def _kept(entries: Iterable[Entry], patterns: Patterns) -> Iterator[Entry]:
    """Leave out what the patterns exclude; only what stays has to have a good name."""
    for entry in entries:
        if not patterns.exclude(entry.name):
            check_name(entry.name, entry.origin)
            yield entry


def _compiled(entries: dict[str, Entry], order: Order) -> Compiled:
    if not order.bytecode or order.interpreter is None:
        return Compiled((), "", ())
    return compile_entries(entries, order.kind, order.interpreter, order.target)


def _records(
    wheels: Sequence[OpenWheel], unpacked: Sequence[Unpacked], kept: set[str], site: str, pyc: Sequence[Entry]
) -> Iterator[Entry]:
    """Yield a RECORD for each wheel; compiled files have neither hash nor size in it, as installers write them."""
    for wheel, files in zip(wheels, unpacked, strict=True):
        own = [(entry.name, [entry.name, "", ""]) for entry in pyc if entry.origin == wheel.origin]
        yield record_of(wheel, site, [*files.recorded, *own], kept)
