"""The build lock: one holder, named; released by its death, kept by its children."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.lock import build_lock, is_held, own_lock, server_lock

HOLDER = """
import sys, time
from pathlib import Path
from python_hooks.home import Home
from python_hooks.lock import build_lock
with build_lock(Home(Path(sys.argv[1])), "encore run batch"):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(home: Home, script: str = HOLDER) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", script, home.root],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_build_is_refused_at_once_and_told_who_holds_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    holder = start_holder(home)
    try:
        before = time.monotonic()
        with pytest.raises(EncoreError) as caught, build_lock(home, "encore dbt build"):
            pass
        assert time.monotonic() - before < 1
        assert f"`encore run batch` holds the build lock since {time.gmtime().tm_year}" in (
            caught.value.message
        )
        assert f"(pid {holder.pid})" in caught.value.message
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    # A killed holder leaves its name in the file, but not the lock.
    with build_lock(home, "encore dbt build"):
        pass


def test_the_lock_is_free_after_use_and_after_an_error(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(ZeroDivisionError), build_lock(home, "one"):
        raise ZeroDivisionError
    with build_lock(home, "two"):
        text = (home.run / "build.lock").read_text()
        assert '"two"' in text
    assert (home.run / "build.lock").read_text() == ""


def test_a_child_that_outlives_its_parent_keeps_the_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with build_lock(home, "encore dbt build") as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[lock.fileno()])
        lock.describe(child.pid)
    try:
        with pytest.raises(EncoreError, match="holds the build lock"):
            build_lock(home, "another").__enter__()
    finally:
        child.kill()
        child.wait()
    with build_lock(home, "another"):
        pass


def test_starting_a_server_waits_for_the_one_under_way(tmp_path: Path) -> None:
    home = Home(tmp_path)
    script = HOLDER.replace('build_lock(Home(Path(sys.argv[1])), "encore run batch")', "X")
    script = script.replace("X", "server_lock(Home(Path(sys.argv[1])))")
    script = script.replace("import build_lock", "import server_lock").replace("60", "0.5")
    holder = subprocess.Popen(
        [sys.executable, "-c", script, home.root],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    before = time.monotonic()
    with server_lock(home):
        assert time.monotonic() - before > 0.3
    holder.wait()


def test_an_own_lock_is_held_until_its_holder_and_their_children_are_gone(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    assert not is_held(home, "some")
    script = HOLDER.replace("build_lock", "own_lock").replace('"encore', '"some", "encore')
    holder = start_holder(home, script)
    assert is_held(home, "some")
    assert not is_held(home, "another")
    holder.kill()
    holder.wait()
    assert not is_held(home, "some")
    with own_lock(home, "some", "a look back") as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[lock.fileno()])
        # What a killed parent leaves: the file, and a child that holds it.
        (home.run / "some.lock").rename(home.run / "orphan.lock")
    try:
        assert is_held(home, "orphan")
    finally:
        child.kill()
        child.wait()
    assert not is_held(home, "orphan")
