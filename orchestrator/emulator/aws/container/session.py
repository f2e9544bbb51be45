"""The shells of one build: a single one for buildspec 0.2, a new one for every command in 0.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.emulator.aws.container.environment import Folders
from orchestrator.emulator.aws.container.shell import Limits, Shell


class Session:
    """Hands out the shell in which the next command runs; `joined` is told every session of processes."""

    def __init__(
        self,
        folders: Folders,
        environment: Mapping[str, str],
        output: Callable[[bytes], None],
        limits: Limits,
        *,
        joined: Callable[[int], None],
        one_shell: bool,
    ) -> None:
        self._folders = folders
        self._environment = environment
        self._output = output
        self._limits = limits
        self._joined = joined
        self._one_shell = one_shell
        self._shells: list[Shell] = []

    def shell(self) -> Shell:
        """Return the shell for the next command."""
        if self._shells and self._one_shell:
            return self._shells[0]
        self.close()
        directory = self._folders.control / str(len(self._shells))
        shell = Shell(directory, self._environment, self._folders.source, self._output, self._limits, self._joined)
        self._shells.append(shell)
        return shell

    def close(self) -> None:
        """Let the current shell end."""
        if self._shells:
            self._shells[-1].close()
