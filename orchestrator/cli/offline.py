"""`plan`, `render` and `schema`: everything that can be known without asking anybody."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orchestrator.cli.lazy import suggestion
from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate, print_data, print_document, print_json


@click.command(epilog="Example: orchestrator plan --json | jq .builds")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(config: Path, *, as_json: bool) -> None:
    """Show what the stages would do. Needs no network and no credentials."""
    from orchestrator.render.text import plan_text

    project = load_project(config, os.environ)
    if as_json:
        fields = project.plan.as_json()
        told = {"return": fields.pop("return_"), **fields}  # `return` is no name for a field in Python
        print_document({**told, "settings_digest": project.root.settings_digest})
    else:
        print_data(plan_text(project.plan, project.root.settings_digest))


@click.command(epilog="Example: orchestrator render --output out && terraform -chdir=out/terraform validate")
@config_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".orchestrator/render"),
    show_default=True,
    help="Folder to write to.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the files that were written as JSON.")
def render(config: Path, output: Path, *, as_json: bool) -> None:
    """Write the Terraform root and the buildspecs. Needs no network and no credentials."""
    from orchestrator.effects.files import write_bytes, write_tree

    project = load_project(config, os.environ)
    written = write_tree(output / "terraform", project.root.files)
    written += [write_bytes(output / "terraform" / name, content) for name, content in project.binaries.items()]
    written += write_tree(output / "buildspecs", project.buildspecs())
    narrate(f"settings digest {project.root.settings_digest}")
    if as_json:
        files = [str(path) for path in written]
        print_document({"output": str(output), "settings_digest": project.root.settings_digest, "files": files})
    else:
        print_data("\n".join(str(path) for path in written))


@click.command(epilog="Example: orchestrator schema > orchestrator.schema.json")
@click.argument("command", nargs=-1, metavar="[COMMAND]...")
def schema(command: tuple[str, ...]) -> None:
    """Print the JSON Schema of orchestrator.yml, or of what a COMMAND such as `plan` prints with `--json`."""
    if not command:
        from orchestrator.config.configuration_file import SCHEMA

        print_json(SCHEMA.document)
        return
    from orchestrator.cli.documents import schemas

    found, words = schemas(), " ".join(command)
    if words not in found:
        near = suggestion(words, found)
        raise click.UsageError(
            f"no command `{words}` prints JSON.{near}" + ("" if near else f" Those that do: {', '.join(sorted(found))}")
        )
    print_json(found[words])
