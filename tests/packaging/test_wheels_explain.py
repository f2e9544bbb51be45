"""What compilers, linkers and build scripts say, and which system package is the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels import explain as module
from orchestrator.packaging.wheels.explain import explain

TARGET = target_of("x86_64", "python3.13")

# ruff: noqa: E501 - a row a line

# Last words of real builds: package, what it said, and the answers for dnf and apt-get.
WORDS = [
    ("pycurl", "ConfigurationError: Could not run curl-config: [Errno 2] No such file or directory: 'curl-config'",
     "libcurl-devel", "libcurl4-openssl-dev"),
    ("pycurl", "src/pycurl.h:173:13: fatal error: openssl/ssl.h: No such file or directory", "openssl-devel", "libssl-dev"),
    ("psycopg2", "Error: pg_config executable not found.", "libpq-devel", "libpq-dev"),
    ("psycopg2", "./psycopg/psycopg.h:36:10: fatal error: libpq-fe.h: No such file or directory", "libpq-devel", "libpq-dev"),
    ("psycopg2", "/usr/bin/ld: cannot find -lpq: No such file or directory", "libpq-devel", "libpq-dev"),
    ("psycopg2", "/usr/bin/ld: cannot find -lpq\ncollect2: error: ld returned 1 exit status", "libpq-devel", "libpq-dev"),
    ("mysqlclient", "Exception: Can not find valid pkg-config name.", "mariadb-connector-c-devel", "default-libmysqlclient-dev"),
    ("mysqlclient", "/bin/sh: 1: mysql_config: not found", "mariadb-connector-c-devel", "default-libmysqlclient-dev"),
    ("mysqlclient", "OSError: mysql_config not found", "mariadb-connector-c-devel", "default-libmysqlclient-dev"),
    ("python-ldap", "Modules/common.h:15:10: fatal error: lber.h: No such file or directory", "openldap-devel", "libldap2-dev"),
    ("python-ldap", "Modules/common.h:16:10: fatal error: sasl/sasl.h: No such file or directory",
     "cyrus-sasl-devel", "libsasl2-dev"),
    ("lxml", "Error: Please make sure the libxml2 and libxslt development packages are installed.",
     "libxml2-devel", "libxml2-dev"),
    ("lxml", "xmlXPathInit.c:1:10: fatal error: libxml/xpath.h: No such file or directory", "libxml2-devel", "libxml2-dev"),
    ("Pillow", "The headers or library files could not be found for jpeg,\na required dependency when compiling Pillow",
     "libjpeg-turbo-devel", "libjpeg-dev"),
    ("Pillow", "The headers or library files could not be found for zlib,", "zlib-devel", "zlib1g-dev"),
    ("cffi", "c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "libffi-devel", "libffi-dev"),
    ("cffi", "fatal error: Python.h: No such file or directory", "python3.13-devel", "python3.13-dev"),
    ("clang", "a.c:1:10: fatal error: 'Python.h' file not found", "python3.13-devel", "python3.13-dev"),
    ("cryptography", "error: can't find Rust compiler", "rust", "rustc"),
    ("cryptography", "Could not find directory of OpenSSL installation, and this `-sys` crate cannot proceed",
     "openssl-devel", "libssl-dev"),
    ("maturin", "Cargo, the Rust package manager, is not installed or is not on PATH.", "rust", "rustc"),
    ("xmlsec", "Error: Unable to invoke pkg-config.", "xmlsec1-devel", "libxmlsec1-dev"),
    ("xmlsec", "pkgconfig.pkgconfig.PackageNotFoundError: xmlsec1 not found\nPackage xmlsec1 was not found in the pkg-config",
     "xmlsec1-devel", "libxmlsec1-dev"),
    ("pyodbc", "src/pyodbc.h:56:10: fatal error: sql.h: No such file or directory", "unixODBC-devel", "unixodbc-dev"),
    ("h5py", "Unable to load dependency HDF5, make sure HDF5 is installed properly", "hdf5-devel", "libhdf5-dev"),
    ("gmpy2", "src/gmpy2.h:89:12: fatal error: gmp.h: No such file or directory", "gmp-devel", "libgmp-dev"),
    ("gmpy2", "src/gmpy2.h:90:12: fatal error: mpfr.h: No such file or directory", "mpfr-devel", "libmpfr-dev"),
    ("gmpy2", "src/gmpy2.h:91:12: fatal error: mpc.h: No such file or directory", "libmpc-devel", "libmpc-dev"),
    ("uwsgi", "Exception: you need a C compiler to build uWSGI", "gcc", "gcc"),
    ("pygraphviz", "pygraphviz/graphviz_wrap.c:9:10: fatal error: graphviz/cgraph.h: No such file or directory",
     "graphviz-devel", "libgraphviz-dev"),
    ("pygraphviz", "FileNotFoundError: \nCould not find `dot` executable!\nGraphviz must be installed to build pygraphviz.", "graphviz", "graphviz"),
    ("dbus-python", "No package 'dbus-1' found", "dbus-devel", "libdbus-1-dev"),
    ("dbus-python", '../meson.build:50:0: ERROR: Dependency "glib-2.0" not found, tried pkgconfig', "glib2-devel", "libglib2.0-dev"),
    ("pycairo", "Package cairo was not found in the pkg-config search path.", "cairo-devel", "libcairo2-dev"),
    ("pycairo", "../cairo/meson.build:31:12: ERROR: Dependency lookup for cairo with method 'pkgconfig' failed",
     "cairo-devel", "libcairo2-dev"),
    ("meson", "ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]", "gcc", "gcc"),
    ("setuptools", "error: command 'gcc' failed: No such file or directory", "gcc", "gcc"),
    ("setuptools", "unable to execute 'x86_64-linux-gnu-gcc': No such file or directory", "gcc", "gcc"),
    ("setuptools", "error: [Errno 2] No such file or directory: 'cmake'", "cmake", "cmake"),
    ("setuptools", "gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory", "gcc-c++", "g++"),
    ("pkgconfig", "/bin/sh: line 1: pkg-config: command not found", "pkgconf-pkg-config", "pkg-config"),
    ("gcc", "/usr/include/x.h:3:10: fatal error: stdlib.h: No such file or directory", "glibc-devel", "libc6-dev"),
]  # fmt: skip


@pytest.mark.parametrize(("package", "said", "dnf", "apt"), WORDS)
def test_the_package_that_helps_is_named(package: str, said: str, dnf: str, apt: str) -> None:
    """Each of these ends in the name of one system package, in the words of the image's package manager."""
    noise = f"running build_ext\nbuilding '{package}' extension\n{said}\nerror: Failed to build\n"
    for manager, name in (("dnf", dnf), ("apt-get", apt)):
        advice = [cause.advice for cause in explain(noise, TARGET, manager=manager)]
        assert any(f"`{name}`" in line and "system_packages" in line for line in advice), advice


def test_amazon_linux_2_has_names_of_its_own_and_an_unknown_machine_gets_all() -> None:
    """`yum` is Amazon Linux 2, which called some packages otherwise."""
    said = "fatal error: libpq-fe.h: No such file or directory"
    assert explain(said, TARGET, manager="yum")[0].advice == "add `postgresql-devel` to `system_packages:`"
    every = explain(said, TARGET, manager="")[0].advice
    assert all(word in every for word in ("`libpq-devel` (dnf)", "`postgresql-devel` (yum)", "`libpq-dev` (apt-get)"))


def test_a_header_that_nobody_knows_is_named_with_the_way_to_find_it() -> None:
    """The table cannot be complete; the package manager is."""
    (cause,) = explain("x.c:1:10: fatal error: acme/rocket.h: No such file or directory", TARGET, manager="dnf")
    assert cause.what == "the header `acme/rocket.h` is missing"
    assert "dnf provides '*/acme/rocket.h'" in cause.advice


def test_several_things_that_are_missing_are_all_named_once() -> None:
    """One run of the build tells everything that it knows."""
    said = (
        "fatal error: gmp.h: No such file or directory\n" * 3 + "/bin/ld: cannot find -lgmp\n/bin/ld: cannot find -lz\n"
    )
    assert [cause.what for cause in explain(said, TARGET, manager="dnf")] == [
        "the header `gmp.h` is missing",
        "the library `z` is missing",
    ]


def test_a_python_module_that_the_build_script_forgot_is_no_system_package() -> None:
    """Build requirements that are not declared are the project's own fault."""
    (cause,) = explain("ModuleNotFoundError: No module named 'numpy'", TARGET, manager="dnf")
    assert "`numpy`" in cause.what
    assert "system_packages" not in cause.advice


def test_what_cmake_looks_for_is_named_with_the_file_that_brings_it() -> None:
    """`pyarrow` from source: no system package is called `Arrow`, but one would bring `ArrowConfig.cmake`."""
    said = 'By not providing "FindArrow.cmake" in CMAKE_MODULE_PATH this project has\n  asked CMake to find a package'
    (cause,) = explain(said, TARGET, manager="dnf")
    assert cause.what == "what CMake calls `Arrow` is missing"
    assert "dnf provides '*/ArrowConfig.cmake'" in cause.advice


@given(st.text())
def test_any_output_can_be_explained_with_nothing(output: str) -> None:
    """Explaining never fails, whatever a compiler prints."""
    explain(output, TARGET, manager="dnf")


def test_the_table_is_well_formed() -> None:
    """Every row helps somebody: it has all three managers, at least one sign, and no sign is in two rows."""
    table = json.loads((Path(module.__file__).parent / "missing.json").read_text(encoding="utf-8"))
    seen: set[tuple[str, str]] = set()
    for row in table:
        signs = [(kind, name) for kind in ("headers", "libraries", "programs", "modules") for name in row.get(kind, ())]
        assert set(row["packages"]) == {"dnf", "yum", "apt-get"}
        assert signs or row["words"]
        assert not seen & set(signs)
        seen |= set(signs)
