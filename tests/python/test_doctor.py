"""The doctor names what is wrong, and what to run."""

import json
import os
import subprocess
import sys
from pathlib import Path

from python_hooks.home import Home
from tests.python.conftest import free_home
from tests.python.encore_command import encore


def findings(home: Home, *args: str) -> dict[str, list[dict[str, str | bool]]]:
    """What it says of an installation that is not well, by check."""
    found = json.loads(encore(home, "doctor", "--json", *args, expect=1))
    return {
        check: [each for each in found if each["check"] == check]
        for check in {each["check"] for each in found}
    }


def test_an_installation_without_a_server_is_told_how_to_get_one(tmp_path: Path) -> None:
    found = findings(free_home(tmp_path / "home"))
    assert found["java"][0]["fine"]
    assert found["versions"][0]["fine"]
    assert found["server"][0]["fix"] == "encore server start"
    assert "nothing is landed" in str(found["state folder"][0]["what"])


def test_an_open_token_and_a_killed_holder_are_found(tmp_path: Path) -> None:
    home = free_home(tmp_path / "home")
    home.run.mkdir(parents=True)
    home.landing.mkdir()
    token = home.run / "connect.token"
    token.write_text("secret")
    token.chmod(0o644)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    holder = {"purpose": "encore run minute", "pid": ended.pid, "since": "2024-01-01"}
    (home.run / "speed.lock").write_text(json.dumps(holder))
    alive = holder | {"pid": os.getpid(), "purpose": "encore run batch"}
    (home.run / "build.lock").write_text(json.dumps(alive))
    told = findings(home)["state folder"]
    assert [each["fine"] for each in told] == [False, True, False]
    assert told[0]["fix"] == f"chmod 600 {token}"
    assert f"encore run minute (pid {ended.pid})" in str(told[2]["what"])
    assert "secret" not in str(told)


def test_taken_ports_are_named(tmp_path: Path) -> None:
    home = free_home(tmp_path / "home")
    both = Home(home.root, thrift_port=home.thrift_port, connect_port=home.thrift_port)
    assert "Both doors are set to port" in str(findings(both)["server"][0]["what"])
