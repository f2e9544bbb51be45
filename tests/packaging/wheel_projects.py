"""Projects with a build backend of their own, so that compiling them needs a C compiler and no network."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

BACKEND = """
import json, os, shlex, subprocess, sys, sysconfig, zipfile

SETTINGS = json.load(open("settings.json"))


def build_wheel(directory, config_settings=None, metadata_directory=None):
    print("the backend speaks", SETTINGS.get("murmurs", ""), sep="\\n")
    if SETTINGS.get("says"):
        print(SETTINGS["says"], file=sys.stderr)
        raise SystemExit(1)
    version, tag = SETTINGS["version"], SETTINGS.get("tag") or own_tag()
    name = f"rocket-{version}-{tag}.whl"
    info = f"rocket-{version}.dist-info"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        archive.writestr("rocket/__init__.py", "from ._core import thrust\\n" if SETTINGS["compile"] else "")
        archive.writestr("rocket/environment.json", json.dumps(dict(os.environ)) if SETTINGS.get("tell") else "{}")
        if SETTINGS["compile"]:
            archive.write(compiled(), "rocket/_core" + sysconfig.get_config_var("EXT_SUFFIX"))
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: rocket\\nVersion: {version}\\n")
        head = "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: false\\n"
        archive.writestr(f"{info}/WHEEL", f"{head}Tag: {tag}\\n")
        archive.writestr(f"{info}/RECORD", "")
    return name


def own_tag():
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return f"{python}-{python}-linux_{os.uname().machine}" if SETTINGS["compile"] else "py3-none-any"


def compiled():
    output = os.path.abspath("core.so")
    flags = shlex.split(os.environ.get("CFLAGS", ""))
    libraries = [f"-l{name}" for name in SETTINGS.get("libraries", ())]
    # A path in the code and debugging information are what makes bytes differ between two directories.
    source = os.path.abspath("core.c")
    command = ["cc", "-shared", "-fPIC", "-g", "-I", sysconfig.get_path("include"), *flags]
    subprocess.run([*command, source, "-o", output, *libraries], check=True)
    return output
"""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
{more}
"""

CORE = """
#include <Python.h>
#include <stdlib.h>
{declaration}
static PyObject *thrust(PyObject *self, PyObject *ignored) {{
    if (getenv("ROCKET_FAILS")) abort();
    return Py_BuildValue("is", {value}, __FILE__);
}}
static PyMethodDef methods[] = {{{{"thrust", thrust, METH_NOARGS, ""}}, {{NULL, NULL, 0, NULL}}}};
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "_core", "", -1, methods}};
PyMODINIT_FUNC PyInit__core(void) {{ return PyModule_Create(&module); }}
"""


def project_files(settings: str, *, more: str = "", function: str = "") -> dict[str, str]:
    """Return the files of the project `rocket`; `function` is called in C for its value (default: 7)."""
    declaration = f"extern int {function}(void);" if function else ""
    value = f"{function}()" if function else "7"
    return {
        "pyproject.toml": PYPROJECT.format(more=more),
        "backend.py": BACKEND,
        "settings.json": settings,
        "core.c": CORE.format(declaration=declaration, value=value),
    }


def sdist(path: Path, files: dict[str, str], *, root: str = "rocket-1.0") -> Path:
    """Write an sdist of these files."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{root}/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path
