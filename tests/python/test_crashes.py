"""Kills and faults at seeded moments: the next run mends, and nothing is lost or left.

The short form, kills of landing, is part of `make test`; `make test-deep` kills a hundred
times and more.
"""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.python import crash_report
from tests.python.crashes import Kill, kill_landing, note

DEEP = bool(os.environ.get("ENCORE_DEEP"))
# How often what is killed, in the long form and in the short one.
KILLS = {
    "landing": (40, 2),
    "minute": (30, 0),
    "server": (15, 0),
    "artifacts": (15, 0),
    "batch": (5, 0),
}
POINTS = [
    pytest.param(what, seed, marks=[] if what == "landing" else pytest.mark.warehouse)
    for what, (many, few) in KILLS.items()
    for seed in range(many if DEEP else few)
]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes a second to land."""
    path = tmp_path_factory.mktemp("big") / "big.csv"
    rows = (
        f"2025-01-01T00:00:{n % 60:02}Z,track {n},listener {n % 99}" for n in range(400_000)
    )
    path.write_text("\n".join(["timestamp,id,listener", *rows]) + "\n")
    return path


@pytest.mark.parametrize(("what", "seed"), POINTS)
def test_a_kill_is_mended_by_the_next_run(
    what: str, seed: int, big: Path, request: pytest.FixtureRequest
) -> None:
    if what == "landing":
        result: Kill = kill_landing(big.parent, seed, big)
    else:
        result = request.getfixturevalue("crashes").kill(what, seed)
    note(asdict(result))
    assert not result.wrong, result


def test_the_page_says_what_was_run() -> None:
    assert crash_report.PAGE.read_text() == crash_report.page(crash_report.read())
