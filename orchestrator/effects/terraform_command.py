"""`python_terraform` as a vocabulary of options, without its way of running things.

Its `generate_cmd_string` knows how Terraform's options are spelled. What it does around that is switched off here:
version 0.10.1 approves by itself (`apply(skip_plan=True)`), gives options that Terraform has dropped
(`destroy -force`), leaves a file with variables behind (`-var-file`), logs variables, turns any misspelled method into
a command, does not raise when Terraform fails, and leaves Terraform running when it is killed itself.
"""

from __future__ import annotations

from typing import Any, NoReturn

from python_terraform import IsFlagged, IsNotFlagged, Terraform

from orchestrator.effects.terraform_find import TerraformExecutable

_NEVER = {"auto_approve", "auto-approve", "force"}


class TerraformCommand(Terraform):  # type: ignore[misc]  # the package has no types
    """Command lines for one executable."""

    def __init__(self, executable: TerraformExecutable) -> None:
        super().__init__(terraform_bin_path=executable.argv[0])
        self._executable = executable

    def line(self, command: str, *arguments: str, **options: object) -> list[str]:
        """Return the argument list of a command; options are spelled as in `python_terraform` (True: a bare flag).

        Raises `ValueError` for an option that would approve something unseen or put values on the command line.
        """
        if _NEVER & options.keys():
            raise ValueError(f"`{command}` is never approved by an option, a saved plan is")
        if any(isinstance(value, dict) for value in options.values()):
            raise ValueError(f"`{command}` takes its values from a file, not from options")
        flags = {True: IsFlagged, False: IsNotFlagged}
        spelled = {name: flags[value] if isinstance(value, bool) else value for name, value in options.items()}
        generated: list[str] = self.generate_cmd_string(command, *arguments, **spelled)
        return [*self._executable.argv, *generated[1:]]

    def cmd(self, cmd: str, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to run anything: that is `TerraformRunner`'s work."""
        raise ValueError(f"`{cmd}` is run by TerraformRunner")

    def read_state_file(self, file_path: str | None = None) -> None:
        """Read no state: it may be large, and nothing here looks at it."""

    def __getattr__(self, item: str) -> NoReturn:
        raise AttributeError(item)
