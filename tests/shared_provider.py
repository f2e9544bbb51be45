"""The AWS provider as one process for many commands of Terraform, where starting it is not what is tested.

Each command of Terraform, and each `run` of `terraform test`, starts the provider several times, and a start takes
longer than what most of them ask it. A provider in its debug mode is the same program and stays:
https://developer.hashicorp.com/terraform/plugin/debugging#starting-a-provider-in-debug-mode
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator.effects.process import _die_with_parent

_HOSTS = ("registry.terraform.io", "registry.opentofu.org")


@contextmanager
def shared_provider(initialised: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Start the provider that `init` has put into a folder; give the variable with which Terraform finds it.

    Whoever configures it configures it for all: only for commands that run one after the other, and with nothing in
    `environment` that they need to differ.
    """
    (program,) = (initialised / ".terraform" / "providers").glob("*/hashicorp/aws/*/*/terraform-provider-aws*")
    # To a file: it says more than a pipe holds that nobody reads.
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as said:
        process = subprocess.Popen(
            [program, "-debug"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said.fileno(),
            stderr=said.fileno(),
            preexec_fn=_die_with_parent(os.getpid()),
        )
        try:
            yield {"TF_REATTACH_PROVIDERS": _place(process, Path(said.name))}
        finally:
            process.kill()  # asked to stop, it waits for those who are attached
            process.wait(timeout=30)


def _place(process: subprocess.Popen[bytes], said: Path) -> str:
    """Wait until a provider tells where it answers; return that as Terraform and OpenTofu take it."""
    deadline = time.monotonic() + 60
    while not (found := re.search(r"TF_REATTACH_PROVIDERS='(.*)'\n", said.read_text("utf-8"))):
        assert process.poll() is None, said.read_text("utf-8")
        assert time.monotonic() < deadline, said.read_text("utf-8")
        time.sleep(0.05)
    (place,) = json.loads(found[1]).values()
    return json.dumps({f"{host}/hashicorp/aws": place for host in _HOSTS})
