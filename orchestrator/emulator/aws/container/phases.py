"""Run the commands of a phase as CodeBuild does: in order, up to the first failure, then `finally`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.emulator.aws.container.buildspec import Phase
from orchestrator.emulator.aws.container.failures import PhaseFailed, command_failed
from orchestrator.emulator.aws.container.logs import BuildLog
from orchestrator.emulator.aws.container.shell import Shell

SUCCEEDING = "CODEBUILD_BUILD_SUCCEEDING"


class Commands:
    """Runs phases of one build; remembers in CODEBUILD_BUILD_SUCCEEDING whether all went well so far."""

    def __init__(self, shell: Callable[[], Shell], log: BuildLog) -> None:
        self._shell = shell
        self._log = log
        self._succeeding = True

    def run(self, phase: Phase) -> None:
        """Run `phase`; raise PhaseFailed for its first failed command, after its `finally` commands.

        Interrupted passes through: after a stop or a time-out nothing else runs.
        """
        failure = self._run_until_failure(phase.commands)
        if failure is not None:
            self._succeeding = False
        final_failure = self._run_until_failure(phase.finally_commands)
        if final_failure is not None:
            self._succeeding = False
        failure = failure or final_failure
        if failure is not None:
            raise failure

    def _run_until_failure(self, commands: Sequence[str]) -> PhaseFailed | None:
        for command in commands:
            shell = self._shell()
            shell.set(SUCCEEDING, "1" if self._succeeding else "0")
            self._log.container(f"Running command {command.rstrip()}")
            reason = shell.run(command)
            self._log.flush()
            if reason is not None:
                self._log.container(f"Command did not exit successfully {command.rstrip()} {reason}")
                return command_failed(command.rstrip(), reason)
        return None
