"""Features as of random moments are those of landing zones that end there."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from python_hooks import releases, server, time_travel
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse
from tests.python.conftest import free_home
from tests.python.encore_command import encore
from tests.python.test_time_travel import BUILD, MOMENT, History, Marts, differing, in_order

# A minute and more each; `make test` compares all marts, at one moment (test_time_travel).
MOMENTS = min(int(os.environ.get("ENCORE_DEEP") or 0), 100)
FEATURES = ("feat_tracks", "feat_listeners", "feat_listener_tracks")

pytestmark = [
    pytest.mark.warehouse,
    pytest.mark.skipif(not MOMENTS, reason="part of `make test-deep`"),
]


def moments(history: History) -> list[datetime]:
    """Half of them anywhere, half at a listen, a microsecond before or after it."""
    chance = random.Random(20_261_128)
    heard = [
        datetime.fromisoformat(row["timestamp"]) for file in history.files for row in file
    ]
    found = []
    for number in range(MOMENTS):
        if number % 2:
            around = timedelta(microseconds=chance.choice([-1, 0, 1]))
            found.append(chance.choice(heard) + around)
        else:
            ago = timedelta(microseconds=chance.randrange(120 * 86_400 * 10**6))
            found.append(MOMENT + timedelta(days=30) - ago)
    return found


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home]]:
    """An installation of the whole history; and one in which parts are built alone."""
    folder = tmp_path_factory.mktemp("moments")
    whole = free_home(folder / "whole")
    server.start(whole)
    try:
        truncated = replace(free_home(folder / "truncated"), target="dev")
        server.start(truncated)
        try:
            History().land(whole, folder, None)
            encore(whole, *BUILD)
            yield whole, truncated
        finally:
            server.stop(truncated)
    finally:
        server.stop(whole)


def plainly_built(home: Home) -> Marts:
    """The features of what has landed, by a build that knows of no moment."""
    encore(home, *BUILD, "--full-refresh", "--select", *(f"+{model}" for model in FEATURES))
    with Warehouse(home) as warehouse:
        relation = releases.current(warehouse, home).relation
        return {model: in_order(warehouse.read(relation(model))) for model in FEATURES}


def test_features_as_of_random_moments_are_those_of_truncated_histories(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    whole, truncated = homes
    history = History()
    sizes = set()
    for moment in moments(history):
        history.land(truncated, tmp_path, moment)
        expected = plainly_built(truncated)
        with (
            time_travel.built(whole, moment, FEATURES) as then,
            Warehouse(whole) as warehouse,
        ):
            found = {model: in_order(warehouse.read(then[model])) for model in FEATURES}
        assert not differing(found, expected), moment
        sizes.add(expected["feat_listener_tracks"].num_rows)
    # The moments were moments at which different things were known.
    assert len(sizes) > MOMENTS // 4
