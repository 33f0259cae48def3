"""Faults that are no kill: a full disk, a read-only folder, a server that hangs or loses
the connection, a clock that is set back. Each is told in words, and mended by the next run.
"""

import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from python_hooks import landing, releases, server, server_doors
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse
from tests.python.conftest import free_home
from tests.python.crashes import Crashes, landed, leftovers, note

DEEP = pytest.mark.skipif(
    not os.environ.get("ENCORE_DEEP"), reason="part of `make test-deep`"
)
MOUNTS = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="only root may mount"
)
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, now);
    if (id == CLOCK_REALTIME) now->tv_sec -= 3600;
    return failed;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture(autouse=True)
def noted(request: pytest.FixtureRequest) -> Iterator[None]:
    failed = request.session.testsfailed
    yield
    if os.environ.get("ENCORE_DEEP"):
        told = request.node.name.removeprefix("test_").replace("_", " ")
        note({"fault": told, "passed": request.session.testsfailed == failed})


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    try:
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"mount is not permitted here: {error.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def rows(path: Path, count: int) -> Path:
    lines = (f"2025-01-01,track {n * 7919},listener {n % 99}" for n in range(count))
    path.write_text("\n".join(["timestamp,id,listener", *lines]) + "\n")
    return path


@MOUNTS
def test_a_full_disk_stops_landing_and_nothing_else(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    landing.land([rows(tmp_path / "small.csv", 3)], home)
    small = landed(home)
    big = rows(tmp_path / "big.csv", 300_000)
    kept = tmp_path / "kept"
    shutil.copytree(home.landing, kept)
    with mounted(home.landing, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        shutil.copytree(kept, home.landing, dirs_exist_ok=True)
        with pytest.raises(EncoreError, match="No space left on device"):
            landing.land([big], home)
        assert landed(home) == small
        assert leftovers(home) == []
        subprocess.run(["mount", "-o", "remount,size=64m", home.landing], check=True)
        assert not landing.land([big], home)[0].already_landed
        assert len(landing.batches(home)) == 2


@MOUNTS
def test_a_read_only_folder_stops_landing_and_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    landing.land([rows(tmp_path / "small.csv", 3)], home)
    other = rows(tmp_path / "other.csv", 4)
    with mounted(home.landing, "--bind", str(home.landing)):
        subprocess.run(["mount", "-o", "remount,ro,bind", home.landing], check=True)
        with pytest.raises(EncoreError, match=r"Cannot write .*: Read-only file system"):
            landing.land([other], home)
    assert leftovers(home) == []
    assert landing.land([other], home)[0].batch_id == 2


@pytest.mark.warehouse
@MOUNTS
@DEEP
@pytest.mark.parametrize("folder", ["warehouse", "artifacts"])
@pytest.mark.parametrize("fault", ["full", "read only"])
def test_a_disk_that_cannot_be_written_publishes_nothing(
    folder: str, fault: str, crashes: Crashes
) -> None:
    place = crashes.home.root / folder
    if fault == "full":
        # A limit on files stands for the disk: the server keeps its own.
        process = psutil.Process(server.status(crashes.home).pid)
        if folder == "artifacts":
            pytest.skip("the artifacts of so few listens fit everywhere")
        before = process.rlimit(resource.RLIMIT_FSIZE)
        process.rlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
        try:
            said = fails(crashes)
        finally:
            process.rlimit(resource.RLIMIT_FSIZE, before)
    else:
        with mounted(place, "--bind", str(place)):
            subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
            said = fails(crashes)
        assert "ead-only file system" in said or "cannot be written" in said
    crashes.on.encore("run", "minute")
    assert crashes.wrong() == []


@pytest.mark.warehouse
@DEEP
def test_a_clock_set_back_an_hour_orders_releases_all_the_same(
    crashes: Crashes, tmp_path: Path
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: the clock of a process is set by a library of 15 lines")
    code, shim = tmp_path / "clock.c", tmp_path / "clock.so"
    code.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, code, "-ldl"], check=True)
    # A run that was killed under the lock before: it would be young for another hour.
    with Warehouse(crashes.home) as warehouse:
        before = [each.release_id for each in releases.kept(warehouse)]
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        warehouse.query(f"create schema encore_lock comment 'killed {stamp}'")
    crashes.on.python("-c", "import time; print(time.time())", LD_PRELOAD=str(shim))
    crashes.again(LD_PRELOAD=str(shim))
    with Warehouse(crashes.home) as warehouse:
        kept = releases.kept(warehouse)
    assert kept[0].until is None
    assert kept[0].release_id > before[0]
    assert all(each.until for each in kept[1:])
    assert crashes.wrong() == []


@pytest.mark.warehouse
@DEEP
def test_a_hanging_server_is_told_and_goes_on(
    crashes: Crashes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = psutil.Process(server.status(crashes.home).pid)
    monkeypatch.setattr(server_doors, "PATIENCE", 3.0)
    process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(EncoreError, match="answered nothing within"):
            server_doors.require_answer(crashes.home)
        with pytest.raises(EncoreError, match="answered nothing within"):
            Warehouse(crashes.home)
    finally:
        process.send_signal(signal.SIGCONT)
    assert crashes.wrong() == []
    # In mid-run it is waited for: nothing is lost, and Ctrl-C would end the wait.
    run = crashes.begin_again()
    time.sleep(crashes.seconds("minute") / 3)
    process.send_signal(signal.SIGSTOP)
    time.sleep(10)
    process.send_signal(signal.SIGCONT)
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, out + err
    assert crashes.wrong() == []


@pytest.mark.warehouse
@DEEP
def test_a_connection_lost_in_a_query_is_told_and_the_next_run_mends(
    crashes: Crashes,
) -> None:
    run = crashes.begin_again()
    time.sleep(crashes.seconds("minute") / 2)
    port = crashes.home.thrift_port
    subprocess.run(
        ["ss", "--kill", "state", "established", f"( dport = :{port} or sport = :{port} )"],
        check=True,
        capture_output=True,
    )
    out, err = run.communicate(timeout=300)
    assert "\tat " not in out + err
    crashes.on.encore("run", "minute")
    assert crashes.wrong() == []


def fails(crashes: Crashes) -> str:
    """What a run says that cannot publish."""
    run = crashes.begin_again()
    out, err = run.communicate(timeout=600)
    assert run.returncode != 0, out + err
    assert "\tat " not in out + err
    return out + err


def test_a_silent_port_is_not_waited_for(tmp_path: Path) -> None:
    home = free_home(tmp_path)
    with pytest.MonkeyPatch.context() as patch, silent_port(home.thrift_port):
        patch.setattr(server_doors, "PATIENCE", 1.0)
        began = time.monotonic()
        with pytest.raises(EncoreError, match="answered nothing within 1 s"):
            server_doors.require_answer(home)
        assert time.monotonic() - began < 20


@contextmanager
def silent_port(port: int) -> Iterator[None]:
    with socket.socket() as door:
        door.bind(("127.0.0.1", port))
        door.listen()
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(door.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield
        door.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()
