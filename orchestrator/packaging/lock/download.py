"""The files of a lock on this disk: fetched in parallel, checked by digest, kept by content."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, Refused
from orchestrator.packaging.files import sha256_of
from orchestrator.packaging.lock.answers import PARALLEL, Page
from orchestrator.packaging.lock.credentials import Credentials, public
from orchestrator.packaging.lock.model import LockedFile

if TYPE_CHECKING:
    from orchestrator.packaging.lock.web import Web

_CHUNK_BYTES = 1024 * 1024
# No wheel that could ever fit into a function comes near; a server that never stops sending does.
_LIMIT_BYTES = 8 * 1024 * 1024 * 1024
_TRIES_OF_CONTENT = 3
_NARRATE_SECONDS = 5.0


def bring(
    files: Sequence[LockedFile],
    cache: Path,
    credentials: Credentials,
    narrate: Callable[[str], None],
    *,
    web: Web | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> dict[str, Path]:
    """Return a path for each sha256; files of the index lie in `<cache>/files/<sha256>/<name>`.

    Files in the cache are hashed again before they are used, and fetched anew if they are damaged. Several
    processes may use one cache. `meanwhile` is called once all are under way. Raises Refused (a digest is wrong, also
    after retries), BuildFailed (gone from the index), ConfigurationError (no access, a file that does not exist),
    MachineryError (network, disk).
    """
    fetch = _Fetch(cache, credentials, web, threading.Event())
    unique = {file.sha256: file for file in files}
    if not unique:
        return {}
    with ThreadPoolExecutor(min(PARALLEL, len(unique))) as pool:
        futures = {pool.submit(fetch.one, file): digest for digest, file in unique.items()}
        try:
            meanwhile()
            _watch(list(futures), fetch, narrate)
        except BaseException:
            fetch.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return {digest: future.result() for future, digest in futures.items()}


def _watch(futures: list[Future[Path]], fetch: _Fetch, narrate: Callable[[str], None]) -> None:
    """Wait for all, and say from time to time how far it is; raises the first failure."""
    pending, told = set(futures), time.monotonic()
    while pending:
        done, pending = wait(pending, timeout=_NARRATE_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        if pending and time.monotonic() - told > _NARRATE_SECONDS:
            told = time.monotonic()
            megabytes = fetch.received_bytes / 1_000_000
            narrate(f"downloading: {len(futures) - len(pending)} of {len(futures)} files, {megabytes:.0f} MB so far")


@dataclass
class _Fetch:
    cache: Path
    credentials: Credentials
    given: Web | None
    stop: threading.Event
    received_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def web(self) -> Web:
        """Return the client, the same for all threads; most runs find every file in the cache and need none."""
        with self._lock:
            if self.given is None:
                from orchestrator.packaging.lock.web import Web

                self.given = Web(self.credentials)
            return self.given

    def one(self, file: LockedFile) -> Path:
        """Return the checked file, fetched if it has to be."""
        if file.path is not None:
            return _local(file, file.path)
        target = self.cache / "files" / file.sha256 / file.name
        try:
            if target.is_file() and sha256_of(target).hex() == file.sha256:
                return target
            target.parent.mkdir(parents=True, exist_ok=True)
            self._download(file, target)
        except OSError as error:
            raise MachineryError(
                f"cannot keep `{file.name}`", detail=f"{error.strerror}: {target.parent}", hint="free some disk space"
            ) from error
        return target

    def _download(self, file: LockedFile, target: Path) -> None:
        """Bring a file under its final name once its digest is right."""
        part = target.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            for _ in range(_TRIES_OF_CONTENT):
                observed = self._to(part, file)
                if observed == file.sha256:
                    part.replace(target)
                    return
        finally:
            part.unlink(missing_ok=True)
        raise Refused(
            f"`{file.name}` is not the file of the lock",
            detail=f"observed: sha256 {observed}, {_TRIES_OF_CONTENT} times\nexpected: sha256 {file.sha256}",
            hint="find out what the package index serves; correct the lock only if you know why it changed",
        )

    def _to(self, part: Path, file: LockedFile) -> str:
        """Download once (with retries of the network) and return the digest of what came."""
        digest, web = "", self.web()
        url = file.url or ""

        def read() -> Page:
            nonlocal digest
            # Compressed on the way, a file would be another one; the digest is that of the file.
            with web.answer(url, {"Accept-Encoding": "identity"}) as (response, final):
                if response.status != 200:
                    raise _gone(file, response.status)
                digest = self._copy(part, file, response.stream(_CHUNK_BYTES, decode_content=True))
                return Page(final, response.status, "", b"")

        web.attempts(url, read)
        return digest

    def _copy(self, part: Path, file: LockedFile, blocks: Iterator[bytes]) -> str:
        limit = file.size_bytes or _LIMIT_BYTES
        hashed, size = hashlib.sha256(), 0
        with part.open("wb") as output:
            for block in blocks:
                if self.stop.is_set():
                    raise MachineryError(f"`{file.name}` was not downloaded: another file failed")
                size += len(block)
                if size > limit:
                    break
                hashed.update(block)
                output.write(block)
                with self._lock:
                    self.received_bytes += len(block)
        return hashed.hexdigest() if size <= limit else f"of more than the {limit} bytes it must have"


def _local(file: LockedFile, path: Path) -> Path:
    if not path.is_file():
        raise ConfigurationError(f"`{file.name}` does not exist", detail=f"expected: {path}", hint="commit the file")
    observed = sha256_of(path).hex()
    if observed != file.sha256:
        raise Refused(
            f"`{file.name}` is not the file of the lock",
            detail=f"observed: sha256 {observed}\nexpected: sha256 {file.sha256}",
            hint="write the lock anew if the file was changed on purpose",
        )
    return path


def _gone(file: LockedFile, status: int) -> BuildFailed:
    return BuildFailed(
        f"`{file.name}` is gone from the index",
        detail=f"observed: HTTP {status} for `{public(file.url or '')}`",
        hint="the release was removed: lock another version",
    )
