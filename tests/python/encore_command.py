"""Runs `encore` as a user would, in an installation of the tests' own."""

import json
import os
import subprocess
import sys
from typing import Any

from python_hooks.home import PROJECT, Home
from tests.python import error_texts


def encore(home: Home, *args: str, expect: int = 0, **environ: str) -> str:
    """Runs one command; returns its stdout, or fails with all that it printed."""
    done = run(home, *args, **environ)
    assert done.returncode == expect, (
        f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done.stdout


def run(home: Home, *args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Runs one command, however it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "python_hooks", *args],
        cwd=PROJECT,
        env=os.environ | home.environment() | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    error_texts.note_printed(done.stderr, done.returncode)
    return done


def rows(home: Home, model: str, *options: str) -> list[dict[str, Any]]:
    """All rows of a mart, as `encore show --json` prints them."""
    found: list[dict[str, Any]] = json.loads(
        encore(home, "show", model, "--limit", "all", "--json", *options)
    )
    return found
