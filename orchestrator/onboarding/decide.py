"""Which steps lead from what is there to what shall be, and what is in the way of them. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from orchestrator.onboarding.ci_include import Component
from orchestrator.onboarding.deciding_tokens import token_problems, token_steps
from orchestrator.onboarding.look import Files, Observed, Wanted
from orchestrator.onboarding.problems import Problem
from orchestrator.onboarding.steps import CommitFiles, DeleteBranch, OpenRequest, SetVariable, Step
from orchestrator.onboarding_ports import CiVariable, MergeRequest, Role

TITLE = "Build packages with CodeBuild"


def problems(observed: Observed, wanted: Wanted, *, rotate: bool) -> list[Problem]:
    """Return what has to be mended first; while the caller may not look there is nothing else to say."""
    first = list(_of_project(observed))
    if first:
        return first
    return [
        *_of_roles(observed, wanted),
        *token_problems(observed, wanted, rotate=rotate),
        *_of_needed(observed, wanted),
        *(problem for variable in wanted.variables for problem in _of_variable(observed, variable, wanted)),
        *_of_files(observed, wanted),
    ]


def steps(observed: Observed, wanted: Wanted, *, rotate: bool, rotated: bool = False) -> list[Step]:
    """Return what to do, in an order in which whatever was done stays useful if the rest is not."""
    return [
        *token_steps(observed, wanted, rotate=rotate, rotated=rotated),
        *(SetVariable(item, new=_known(observed, item.key) is None) for item in wanted.variables
          if _differs(_known(observed, item.key), item)),
        *_file_steps(observed, wanted),
    ]  # fmt: skip


def open_request(observed: Observed) -> MergeRequest | None:
    """Return the merge request that waits to be merged."""
    return next((item for item in observed.requests if item.state in ("opened", "locked")), None)


def _of_project(observed: Observed) -> Iterator[Problem]:
    facts = observed.facts
    if facts.caller.role < Role.MAINTAINER:
        role = Role(facts.caller.role).name.capitalize() if facts.caller.role in list(Role) else "no role"
        yield Problem(
            f"{facts.caller.name} may not onboard {facts.path}",
            f"the role {role}" if role != "None" else "no role in this project",
            "Maintainer, who may create trigger tokens and CI/CD variables",
            "ask a maintainer or owner of the project to run this, or to give you the role",
        )
    elif not facts.default_branch:
        yield Problem(
            f"{facts.path} is empty",
            "a repository without commits",
            "a default branch that a merge request can go to",
            "push a first commit, and run it again",
        )
    elif "@" in facts.config_path or "://" in facts.config_path:
        yield Problem(
            f"the pipeline of {facts.path} is configured somewhere else",
            f"CI/CD configuration file `{facts.config_path}`",
            "a file of this repository, to which the component can be added",
            "add the component there by hand, or set a file of this repository in Settings, CI/CD, General pipelines",
        )


def _of_roles(observed: Observed, wanted: Wanted) -> Iterator[Problem]:
    """Yield that the roles are another project's; AWS compares the path in the jobs' tokens to the letter."""
    if wanted.trusted is not None and wanted.trusted != observed.facts.path:
        yield Problem(
            f"the platform's roles of `{wanted.place.project}` are for another GitLab project",
            f"`{wanted.trusted}` in platform.yml",
            f"`{observed.facts.path}`, whose jobs would be denied",
            "give `project` another name in orchestrator.yml, or correct platform.yml and apply it",
            foreign=True,
        )


def _of_needed(observed: Observed, wanted: Wanted) -> Iterator[Problem]:
    for name, secret in wanted.needed.items():
        found = observed.parameters.get(name)
        if found is None:
            other = observed.elsewhere.get(name)
            yield Problem(
                f"the SSM parameter `{name}` is missing",
                f"it is in {other}" if other else "no such parameter",
                f"the parameter in {wanted.place.region}, for `source: clone`",
                "store it there as docs/onboarding.md says, or correct `region:`",
            )
        elif secret and not found.secure:
            yield Problem(
                f"the SSM parameter `{name}` is not encrypted",
                f"the type {found.kind}",
                "the type SecureString, because it holds a token",
                "delete it, revoke the token in it, and store a new one as a SecureString",
            )


def _of_variable(observed: Observed, variable: CiVariable, wanted: Wanted) -> Iterator[Problem]:
    known = _known(observed, variable.key)
    if known and known.value != variable.value and known.description != wanted.place.mark:
        yield Problem(
            f"the CI/CD variable `{variable.key}` has another value",
            f"a value that somebody has set (description: {known.description or 'none'})",
            "no such variable, or the value that the platform has published",
            "find out who uses it; delete the variable, and run this again",
            foreign=True,
        )


def _known(observed: Observed, key: str) -> CiVariable | None:
    return next((item for item in observed.variables if item.key == key), None)


def _differs(known: CiVariable | None, wanted: CiVariable) -> bool:
    return known is None or (known.value, known.protected) != (wanted.value, wanted.protected)


def _of_files(observed: Observed, wanted: Wanted) -> Iterator[Problem]:
    files, place = observed.files, wanted.place
    if files is None:
        return
    yield from _of_other_folder(files, observed, wanted)
    if not files.changes:
        return
    if files.verdict is not None and not files.verdict.valid:
        yield Problem(
            f"GitLab does not accept `{observed.facts.config_path}` with the component",
            "; ".join(files.verdict.errors) or "no reason",
            "a valid configuration (CI lint)",
            "mirror the component's project on this GitLab and name it with `--component`, or correct the file",
        )
    request = open_request(observed)
    if request is not None and place.request_mark not in request.description:
        yield Problem(
            f"there is a merge request of the branch `{place.branch}` already",
            f"!{request.iid}, {request.title}, which onboard has not made: {request.url}",
            "none, or the one that onboard has made",
            "close it and delete its branch, or rename the branch",
            foreign=True,
        )
    elif request is None and observed.branch_message is not None and not place.is_ours(observed.branch_message):
        yield Problem(
            f"there is a branch `{place.branch}` already",
            "commits that onboard has not made",
            "none, or the one commit that onboard has made",
            "look at the branch, and delete or rename it",
            foreign=True,
        )


def _of_other_folder(files: Files, observed: Observed, wanted: Wanted) -> Iterator[Problem]:
    """Yield what is wrong with a component that is there for another folder: a second one would have the same jobs."""
    mine = _directory(wanted.component)
    other = next((place for place in map(_directory, files.present) if place != mine), None)
    if other is not None and "$" not in other:
        yield Problem(
            f"`{observed.facts.config_path}` has the component for another folder",
            f"the input `directory: {other}`",
            f"`directory: {mine}`, where `{wanted.path}` lies: one orchestrator.yml for each GitLab project",
            "write the packages of both folders into one orchestrator.yml (`source`), or correct the input",
        )


def _directory(component: Component) -> str:
    return posixpath.normpath(str(component.inputs.get("directory", ".")))


def _file_steps(observed: Observed, wanted: Wanted) -> Iterator[Step]:
    files, place, target = observed.files, wanted.place, observed.facts.default_branch
    if files is None or not files.changes or open_request(observed):
        return
    trailer = place.trailer(files.texts)
    kept = observed.branch_message is not None and trailer in observed.branch_message and not observed.requests
    if not kept:
        if observed.branch_message is not None:
            yield DeleteBranch(place.branch)
        yield CommitFiles(place.branch, target, files.changes, f"{TITLE}\n\n{trailer}\n")
    yield OpenRequest(place.branch, target, TITLE, _description(observed, wanted))


def _description(observed: Observed, wanted: Wanted) -> str:
    """Return what the merge request says to whoever reviews it."""
    files = observed.files
    lines = ["Packages for AWS Lambda are built by CodeBuild and come back as job artifacts.", ""]
    if files is not None:
        lines += [f"- {'adds' if new else 'changes'} `{path}`" for path, (new, _) in files.changes.items()]
        lines += list(_of_deploy(files))
        lines += list(_notes(files.verdict.merged if files.verdict and wanted.token else {}))
    if wanted.token:
        lines.append(f"- the builds come home with the trigger token in the SSM parameter `{wanted.parameter}`")
    else:
        lines.append("- the job `build` waits for its builds, and the same pipeline goes on with the packages")
    if wanted.variables:
        named = " and ".join(f"`{item.key}`" for item in wanted.variables)
        lines.append(f"- the jobs of protected branches take their AWS roles from {named}")
    lines.append(
        f"- the branch `{wanted.place.branch}` is not protected, so it gets none of this: the new jobs are left out of "
        "its pipeline, and the first build starts with the merge"
    )
    return "\n".join([*lines, "", wanted.place.request_mark])


def _of_deploy(files: Files) -> Iterator[str]:
    if files.deploy is not None:
        yield f"- {said_of_deploy(files.deploy)}"


def said_of_deploy(component: Component) -> str:
    """Return what the component `deploy` does in this pipeline."""
    names = {job: component.inputs.get(f"{job}_job", job) for job in ("test", "deploy")}
    return (
        f"the component `deploy` is included: the job `{names['test']}` deploys what has come home to the test "
        f"environment, `{names['deploy']}` to production, by hand"
    )


def _notes(merged: object) -> Iterator[str]:
    workflow = merged.get("workflow") if isinstance(merged, dict) else None
    rules = workflow.get("rules") if isinstance(workflow, dict) else None
    if rules and "trigger" not in str(rules):
        yield '- **to do**: `workflow: rules` must let pipelines with `$CI_PIPELINE_SOURCE == "trigger"` through'
