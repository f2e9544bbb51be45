"""Looking into every member of a zip once: what it is, and what the rules need to know of it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.packaging.inspection.beside import run_beside
from orchestrator.packaging.inspection.elf import Elf, parse
from orchestrator.packaging.inspection.elf_symbols import symbols_of
from orchestrator.packaging.inspection.foreign import foreign_system
from orchestrator.packaging.inspection.hollow import HEAD_BYTES, is_named_like_code
from orchestrator.packaging.inspection.versions import is_offered
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES, Version
from orchestrator.packaging.zip_directory import Member, UnreadableMember, read_member

# A zip of that content is refused for its size; reading on would only be a way to keep the inspector busy.
_MOST_BYTES = 4 * UNZIPPED_LIMIT_BYTES
_DESCRIPTIONS = re.compile(
    r"\.dist-info/(RECORD|WHEEL|METADATA|top_level\.txt)$|(^|/)node_modules/(@[^/]+/)?[^/]+/package\.json$"
)
_LONGEST_DESCRIPTION = 16 * 1024 * 1024
BYTECODE_HEADER_BYTES = 16
# What Lambda starts in the runtimes `provided.*` (Lambda docs: custom runtimes).
BOOTSTRAP = "bootstrap"
_FIRST_LINE_BYTES = 256


@dataclass
class Contents:
    """What is in the members, by their names.

    `symbols` are those that need a version the target does not have, by ELF file and index of the version;
    `hollow` are the first bytes of what is only named like machine code, `descriptions` what distributions say of
    themselves; `bytecode` the first bytes of compiled Python; `interpreters` the first lines of the scripts that Lambda
    starts; `links` the targets of symbolic links; `unreadable` what could not be read and why; `unread` what is too
    large to be read.
    """

    elves: dict[str, Elf] = field(default_factory=dict)
    symbols: dict[str, Mapping[int, list[str]]] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)
    hollow: dict[str, bytes] = field(default_factory=dict)
    descriptions: dict[str, bytes] = field(default_factory=dict)
    bytecode: dict[str, bytes] = field(default_factory=dict)
    interpreters: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, UnreadableMember] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()


def look_into(
    content: memoryview,
    members: Iterable[Member],
    versions: Mapping[str, Version],
    *,
    beside: Callable[[], object] = lambda: None,
) -> Contents:
    """Inflate every member once, in two threads; `beside` is one more piece of work for the second.

    The first begins with the largest members, the second with the smallest: they are many, and most of their time is
    Python's, for which threads queue. At most two members are in memory. A member that alone is larger than Lambda
    takes is not read, nor is anything behind the first gigabyte.
    """
    # Of two members of one name, the later one replaces the other.
    last = {member.name: member for member in members}
    affordable = _affordable(last.values())
    contents = Contents(unread=frozenset(last) - {member.name for member in affordable})
    queue = deque(affordable)

    def work(take: Callable[[], Member]) -> None:
        while queue:
            try:
                member = take()
            except IndexError:  # the other thread was quicker
                return
            _look(content, member, versions, contents)

    def small_ones() -> None:
        beside()
        work(queue.pop)

    run_beside(lambda: work(queue.popleft), small_ones)
    return contents


def _affordable(members: Iterable[Member]) -> list[Member]:
    chosen, total = [], 0
    for member in sorted(members, key=lambda member: member.size_bytes, reverse=True):
        if member.size_bytes <= UNZIPPED_LIMIT_BYTES and total + member.size_bytes <= _MOST_BYTES:
            chosen.append(member)
            total += member.size_bytes
    return chosen


def _look(content: memoryview, member: Member, versions: Mapping[str, Version], contents: Contents) -> None:
    name = member.name
    try:
        unpacked = read_member(content, member)
    except UnreadableMember as error:
        contents.unreadable[name] = error
        return
    if member.is_symlink:
        contents.links[name] = bytes(unpacked[:4096]).decode("utf-8", "surrogateescape")
        return
    elf = parse(unpacked)
    if elf is not None:
        contents.elves[name] = elf
        late = {need.index for need in elf.versions if not is_offered(need.name, versions)}
        if late:
            contents.symbols[name] = symbols_of(unpacked, late)
    elif system := foreign_system(name, unpacked):
        contents.foreign[name] = system
    elif is_named_like_code(name):
        contents.hollow[name] = bytes(unpacked[:HEAD_BYTES])
    elif name == BOOTSTRAP and bytes(unpacked[:2]) == b"#!":
        contents.interpreters[name] = bytes(unpacked[:_FIRST_LINE_BYTES]).partition(b"\n")[0]
    elif name.endswith(".pyc"):
        contents.bytecode[name] = bytes(unpacked[:BYTECODE_HEADER_BYTES])
    elif member.size_bytes <= _LONGEST_DESCRIPTION and _DESCRIPTIONS.search(name):
        contents.descriptions[name] = bytes(unpacked)
