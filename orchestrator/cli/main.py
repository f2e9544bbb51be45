"""The command `orchestrator`: finds the sub-command, and nothing that it does not need."""

from __future__ import annotations

import gc
import os
import sys

import click

from orchestrator import __version__
from orchestrator.cli.boundary import guarded
from orchestrator.cli.lazy import LazyGroup

_COMMANDS = {
    "init": ("orchestrator.cli.init", "Write a short orchestrator.yml from what this repository holds."),
    "check": ("orchestrator.cli.check", "Find what cannot work, before anything is applied. Offline."),
    "doctor": ("orchestrator.cli.doctor", "Find what is wrong here, in AWS and in GitLab, and what mends it."),
    "advise": ("orchestrator.cli.advise", "Say what would be simpler than this. Offline."),
    "plan": ("orchestrator.cli.offline", "Show what the stages would do. Needs no network and no credentials."),
    "render": ("orchestrator.cli.offline", "Write the Terraform root and the buildspecs. Offline, too."),
    "schema": ("orchestrator.cli.offline", "Print the JSON Schema of orchestrator.yml."),
    "prebuild": ("orchestrator.cli.stages", "Apply the CodeBuild projects with Terraform, if anything changed."),
    "build": ("orchestrator.cli.stages", "Start the build of exactly one commit."),
    "postbuild": ("orchestrator.cli.postbuild", "Verify the package of a build and pull it back in."),
    "deploy": ("orchestrator.cli.deploy", "Deploy the verified packages of a commit to an environment."),
    "undeploy": ("orchestrator.cli.undeploy", "Take away what was deployed to an environment."),
    "dismantle": ("orchestrator.cli.dismantle", "Take away what prebuild has made."),
    "attach": ("orchestrator.cli.attach", "Come back to builds that run, and wait for their end."),
    "builds": ("orchestrator.cli.builds", "List the builds of this configuration, or watch them."),
    "show": ("orchestrator.cli.show", "Show one build: phases, failure, package, cost, links."),
    "logs": ("orchestrator.cli.logs", "Print the log of a build, all of it."),
    "explain": ("orchestrator.cli.explain", "Say why a build was run, and no earlier package taken."),
    "artifacts": ("orchestrator.cli.artifacts", "List, fetch, verify and prune the packages in the store."),
    "rerun": ("orchestrator.cli.rerun", "Build a commit once more, from its stored snapshot."),
    "stop": ("orchestrator.cli.stop", "Stop builds that are running."),
    "reconcile": ("orchestrator.cli.reconcile", "Bring home what has not come by itself."),
    "onboard": ("orchestrator.cli.onboard", "Connect a GitLab project with AWS: token, variables, merge request."),
    "offboard": ("orchestrator.cli.onboard", "Take away what onboard has made."),
    "platform": ("orchestrator.cli.platform", "Make what the projects of an account share: bucket, key, roles."),
    "package": ("orchestrator.cli.package", "Make, plan and inspect packages on this machine."),
    "completion": ("orchestrator.cli.completion", "Print the script with which a shell completes this command."),
    "demo": ("orchestrator.cli.demo", "Run the whole loop on this machine, with no account."),
    "local": ("orchestrator.cli.local", "Start and stop the local stand-in for AWS and GitLab."),
}


@click.group(
    cls=LazyGroup,
    modules=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 build failed, 2 configuration or usage, 3 machinery (retry is safe), "
    "4 superseded or stopped, 5 refused for safety, 70 our bug.",
)
@click.version_option(__version__, prog_name="orchestrator")
def cli() -> None:
    """Hand a GitLab build stage to AWS CodeBuild, and get the verified package back."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Loading boto3 and pydantic makes many objects and hardly any garbage; looking for it costs a tenth of a stage.
    gc.set_threshold(100_000, 20, 20)
    guarded(_run)


def _run() -> object:
    asked = os.environ.get("_ORCHESTRATOR_COMPLETE")
    if asked:  # a shell asks how to go on (click docs: shell completion)
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "orchestrator", "_ORCHESTRATOR_COMPLETE", asked)
    # `cli.main` would end with 1, which is a failed build, when the reader of our output has gone.
    with cli.make_context("orchestrator", sys.argv[1:]) as context:
        return cli.invoke(context)
