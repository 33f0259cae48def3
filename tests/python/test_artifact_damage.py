"""No damage to artifacts is ever answered from: it is refused by name, or told."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_hooks import artifact_opening as opening
from python_hooks import artifacts
from python_hooks.artifact_releases import current_release
from python_hooks.errors import DamagedError
from python_hooks.home import Home
from python_hooks.search_query import parse
from tests.python import artifact_damage as damaged
from tests.python.artifact_damage import (
    ALL,
    KINDS,
    NEW,
    OLD,
    Place,
    Reader,
    ask,
    copied,
    forge,
)
from tests.python.test_inverted_index import FIELDS

DEEP = bool(os.environ.get("ENCORE_DEEP"))
# By release and artifact.
Answers = dict[tuple[str, str], Any]
CASES = 1_000 if DEEP else 3 * len(KINDS)
# What is there, and what should be: each message has both.
BOTH_VALUES = ("recorded", "reads format", "leads to")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return damaged.two_releases(tmp_path_factory.mktemp("damage") / "home")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    process = Reader()
    yield process
    process.close()


@pytest.fixture(scope="module")
def answers(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What each artifact of each release answers, undamaged."""
    found = {(NEW, name): ask(name, home)["answer"] for name in ALL}
    place = copied(home, tmp_path_factory.mktemp("old"))
    damaged.make_current(place, f"releases/{place.old.name}")
    found |= {(OLD, name): ask(name, place.home)["answer"] for name in ALL}
    for name in ALL:
        assert found[OLD, name] != found[NEW, name]
    return found


def test_every_damage_is_refused_by_name_or_the_release_before_answers(
    home: Home, reader: Reader, answers: Answers, tmp_path: Path
) -> None:
    refused = served = 0
    for case in range(CASES):
        random = np.random.default_rng([20_240_229, case])
        place = copied(home, tmp_path / "home")
        what, lost = KINDS[case % len(KINDS)](place, random)
        what = f"case {case}: {what}"
        assert lost, what
        for name in ALL:
            answer = reader.ask(name, place.home)
            assert "refused" not in answer, f"{what}: {name}: {answer}"
            assert answer["answer"] == answers[answer["release"], name], f"{what}: {name}"
            assert bool(answer["fallback"]) == (name in lost), f"{what}: {name}: {answer}"
            served += bool(answer["fallback"])
        told = {
            status.artifact.name
            for status in artifacts.check(list(ALL.values()), place.home)
            if status.problems
        }
        assert told == lost, what
        for folder in (place.home.artifacts / "releases").iterdir():
            if folder != current_release(place.home):
                shutil.rmtree(folder)
        for name in lost:
            answer = reader.ask(name, place.home)
            assert "refused" in answer, f"{what}: {name}"
            assert "encore artifacts build" in answer["hint"], what
            assert any(word in answer["refused"] for word in BOTH_VALUES), f"{what}: {answer}"
            assert _is_named(name, answer["refused"]), f"{what}: {answer}"
            refused += 1
    # `pytest -rP` shows it.
    print(f"{CASES} damages: {refused} refusals by name, {served} answers of the one before")


def _is_named(name: str, message: str) -> bool:
    path = Path(ALL[name].path).name
    return any(word in message for word in (name, path, "Release folder", "current leads to"))


def test_undamaged_releases_say_nothing(home: Home, reader: Reader) -> None:
    for name in ALL:
        answer = reader.ask(name, home)
        assert (answer["release"], answer["fallback"]) == (NEW, None)
    assert [status.problems for status in artifacts.check(list(ALL.values()), home)] == [
        ()
    ] * len(ALL)


def test_a_receipt_that_vouches_for_broken_files_crashes_nobody(
    home: Home, reader: Reader, tmp_path: Path
) -> None:
    """A checksum cannot see it; the structure is looked at, and no process dies."""
    kinds = (damaged.flip, damaged.truncate, damaged.extend, damaged.zero_block)
    refused = 0
    for case in range(CASES):
        random = np.random.default_rng([19_701_231, case])
        place = copied(home, tmp_path / "home")
        what, lost = kinds[case % len(kinds)](place, random)
        for name in lost if len(lost) == 1 else ():
            try:
                forge(place, ALL[name])
            except DamagedError:
                continue  # The receipt itself was hit.
            answer = reader.ask(name, place.home)
            refused += bool(answer.get("fallback"))
            assert "refused" not in answer, f"case {case}: {what}: {answer}"
    assert refused > CASES // 4


def test_readers_keep_what_they_opened_when_files_take_its_place(
    home: Home, tmp_path: Path
) -> None:
    place = copied(home, tmp_path / "home")
    features = opening.open_tables(ALL["listener_features"], place.home).value
    search = opening.open_search(ALL["track_search_index"], place.home).value
    weights = opening.open_weights(ALL["track_item_weights"], place.home).value

    def asked() -> list[Any]:
        keys = [("l1",), ("l2",), ("nobody",)]
        return [
            features.take(features.positions(keys), ["listen_count", "rf_segment"]),
            search.search(parse("queen", FIELDS), 5),
            weights.scores(["t001", "t002"])[1].tolist(),
        ]

    before = asked()
    for path in place.files():
        noise = path.with_name("noise")
        noise.write_bytes(b"\xff" * path.stat().st_size)
        noise.replace(path)
    assert asked() == before
    shutil.rmtree(place.new)
    assert asked() == before


def test_a_damaged_release_is_told_by_check_and_mended_by_a_build(
    home: Home, tmp_path: Path
) -> None:
    place: Place = copied(home, tmp_path / "home")
    note = place.new / "release.json"
    note.write_bytes(note.read_bytes().replace(NEW.encode(), OLD.encode()))
    for status in artifacts.check(list(ALL.values()), place.home):
        assert "release.json is damaged" in status.problems[0]
    damaged.release(place.home, "20260103T000000000000", seed=3)
    for status in artifacts.check(list(ALL.values()), place.home):
        assert status.problems == ()
    assert ask("track_item_weights", place.home)["release"] == "20260103T000000000000"
