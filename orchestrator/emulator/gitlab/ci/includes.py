"""`include:`: local, project and component files are fetched, interpolated and merged (docs: ci/yaml/includes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.emulator.gitlab.ci import globs
from orchestrator.emulator.gitlab.ci.document import load_mapping, split
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expansion import expand
from orchestrator.emulator.gitlab.ci.inputs import interpolate, resolve
from orchestrator.emulator.gitlab.ci.merge import deep_merge
from orchestrator.emulator.gitlab.ci.rules import Context, include_allowed
from orchestrator.emulator.gitlab.ci.sources import Place, Sources

_MAX_FILES = 150
_KINDS = ("local", "project", "component", "remote", "template", "artifact")
_KEYS = frozenset({*_KINDS, "file", "ref", "inputs", "rules", "integrity", "cache", "job"})
_YAML = re.compile(r".+\.ya?ml$")
_COMPONENT = re.compile(r"(?P<host>[^/@]+)/(?P<project>[^@]+)/(?P<name>[^/@]+)@(?P<version>.+)")


@dataclass
class Includer:
    """Loads files with everything they include; one per configuration, because files are counted."""

    sources: Sources
    context: Context
    count: int = 0
    fetched: list[dict[str, Any]] = field(default_factory=list)

    def load(
        self, text: str, place: Place, name: str, given: Mapping[str, Any], *, lenient: bool = False
    ) -> dict[str, Any]:
        """Return a file's configuration with its includes merged under it; raises `ConfigError`."""
        spec, body = split(text, name)
        if spec is not None and (unknown := sorted(set(spec) - {"inputs", "description", "component"})):
            raise ConfigError(f"`{name}`: header:spec config contains unknown keys: {', '.join(unknown)}")
        values = resolve(spec, given, name, lenient=lenient)
        config = load_mapping(interpolate(body, values, self.context.plain_variables, name), name)
        merged: dict[str, Any] = {}
        for entry in _entries(config.pop("include", None)):
            merged = deep_merge(merged, self._include(entry, place))
        return deep_merge(merged, config)

    def _include(self, entry: dict[str, Any], place: Place) -> dict[str, Any]:
        kinds = [kind for kind in _KINDS if kind in entry]
        unknown = sorted(set(entry) - _KEYS)
        if len(kinds) != 1 or unknown:
            raise ConfigError(f"Ambiguous or unknown include entry: `{_show(entry)}`")
        _check_texts(entry)
        if not include_allowed(entry.get("rules"), self.context):
            return {}
        given = entry.get("inputs") or {}
        if not isinstance(given, dict):
            raise ConfigError("include:inputs config should be a hash")
        expanded = {key: self._expand(entry[key]) for key in (*_KINDS, "file", "ref") if key in entry}
        merged: dict[str, Any] = {}
        for source, path in self._files(kinds[0], expanded, place):
            merged = deep_merge(merged, self._fetch(source, path, given))
        return merged

    def _expand(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._expand(item) for item in value]
        return expand(str(value), self.context.variables, missing_is_kept=True)

    def _files(self, kind: str, entry: dict[str, Any], place: Place) -> list[tuple[Place, str]]:
        if kind == "local":
            return [(place, path) for path in self._local(str(entry["local"]), place)]
        if kind == "project":
            return self._of_project(entry)
        if kind == "component":
            return [self._component(str(entry["component"]), place)]
        where = {"remote": "another server", "template": "GitLab's own templates", "artifact": "a job's artifact"}
        raise ConfigError(f"`include:{kind}` reads {where[kind]}, which the emulator does not have: `{entry[kind]}`")

    def _local(self, path: str, place: Place) -> list[str]:
        if globs.is_pattern(path):
            found = globs.matches_include(path, self.sources.files(place))
            if not found:
                raise ConfigError(f"Local file `{path}` does not exist!")
            return [item for item in found if _YAML.match(item)]
        return [path]

    def _of_project(self, entry: dict[str, Any]) -> list[tuple[Place, str]]:
        project, ref = str(entry["project"]).strip("/"), entry.get("ref")
        if not self.sources.knows(project):
            raise ConfigError(f"Project `{project}` not found or access denied! Make sure any includes in the "
                              "pipeline configuration are correctly defined.")  # fmt: skip
        place = self.sources.place(project, ref)
        if place is None:
            raise ConfigError(f"Project `{project}` reference `{ref or 'HEAD'}` does not exist!")
        files = entry.get("file")
        names = [str(item) for item in (files if isinstance(files, list) else [files]) if item]
        if not names:
            raise ConfigError(f"Included file of project `{project}` needs to have `file`")
        return [(place, name) for name in names]

    def _component(self, address: str, here: Place) -> tuple[Place, str]:
        match = _COMPONENT.fullmatch(address)
        if match is None:
            raise ConfigError(f"Component `{address}` should be `host/group/project/name@version`")
        if match["host"] not in self.sources.hosts():
            raise ConfigError(f"Component `{address}` is on `{match['host']}`; the emulator has only its own projects")
        project = match["project"]
        if not self.sources.knows(project):
            raise ConfigError(f"Component `{address}` - project `{project}` not found or access denied")
        wanted = match["version"]
        place = self.sources.place(project, self.sources.version(project, wanted) or wanted)
        if place is None and project == here.project and wanted == here.sha:
            place = here
        if place is None:
            raise ConfigError(f"Component `{address}` - version `{wanted}` not found")
        name = match["name"]
        for path in (f"templates/{name}.yml", f"templates/{name}/template.yml"):
            if self.sources.read(place, path) is not None:
                return place, path
        raise ConfigError(f"Component `{address}` - content not found")

    def _fetch(self, place: Place, path: str, given: dict[str, Any]) -> dict[str, Any]:
        self.count += 1
        if self.count > _MAX_FILES:
            raise ConfigError(f"Maximum of {_MAX_FILES} nested includes are allowed!")
        if not _YAML.match(path):
            raise ConfigError(f"Included file `{path}` does not have YAML extension!")
        text = self.sources.read(place, path)
        if text is None:
            raise ConfigError(f"Local file `{path}` does not exist!")
        if not text.strip():
            raise ConfigError(f"Included file `{path}` is empty!")
        self.fetched.append({"location": path, "context_project": place.project, "context_sha": place.sha})
        return self.load(text, place, path, given)


def _entries(include: Any) -> list[dict[str, Any]]:
    items = [] if include is None else include if isinstance(include, list) else [include]
    entries = []
    for item in items:
        if isinstance(item, str):
            kind = "remote" if re.match(r"https?://", item) else "local"
            entries.append({kind: item})
        elif isinstance(item, dict):
            entries.append(item)
        else:
            raise ConfigError("include config should be an array of strings or hashes")
    return entries


def _check_texts(entry: dict[str, Any]) -> None:
    for key in (*_KINDS, "ref"):
        if not isinstance(entry.get(key, ""), str):
            raise ConfigError(f"include:{key} config should be a string")
    files = entry.get("file", "")
    if not isinstance(files, str) and not (isinstance(files, list) and all(isinstance(item, str) for item in files)):
        raise ConfigError("include:file config should be a string or an array of strings")


def _show(entry: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in entry.items() if key != "inputs")
