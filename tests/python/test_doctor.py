"""The doctor names what is wrong, and what to run."""

import json
import socket
from pathlib import Path

from python_hooks.home import Home
from python_hooks.lock import build_lock
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
    home.make(home.run)
    home.make(home.landing)
    token = home.run / "connect.token"
    token.write_text("secret")
    token.chmod(0o644)
    holder = {"purpose": "encore run minute", "pid": 1, "since": "2024-01-01"}
    # Process 1 lives, and does not hold the lock: a number that was given again.
    (home.run / "speed.lock").write_text(json.dumps(holder))
    with build_lock(home, "encore run batch"):
        told = findings(home)["state folder"]
    assert [each["fine"] for each in told] == [False, True, False]
    assert told[0]["fix"] == f"chmod 600 {token}"
    assert "`encore run batch` holds the build lock" in str(told[1]["what"])
    assert "`encore run minute` holds the speed lock" in str(told[2]["what"])
    assert "was killed" in str(told[2]["what"])
    assert "secret" not in str(told)


def test_a_taken_port_is_named_with_its_variable(tmp_path: Path) -> None:
    home = free_home(tmp_path / "home")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.thrift_port))
        taken.listen()
        found = findings(home)["server"][0]
    assert f"Port {home.thrift_port} cannot be used" in str(found["what"])
    assert "ENCORE_THRIFT_PORT" in str(found["fix"])
