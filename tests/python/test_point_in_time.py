"""Training examples know what was known at their moment: recomputed in plain Python."""

import csv
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from python_hooks import mart_files
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.loader import Loader
from python_hooks.warehouse import Warehouse
from tests.python.encore_command import encore, rows, run

pytestmark = pytest.mark.warehouse

NOTES = PROJECT.parent / "shared" / "data" / "notes" / "listening_history.csv"
BUILD = ("dbt", "--quiet", "build", "--exclude-resource-type", "test", "unit_test")
SESSION_GAP = timedelta(seconds=1800)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listen:
    listener: str
    track: str
    at: datetime
    batch: int
    ms_played: str = ""


def invented() -> list[Listen]:
    """Half a thousand listens of few listeners and tracks, many at the same moments."""
    chance = random.Random(20_260_301)
    found: dict[tuple[Any, ...], Listen] = {}
    for _ in range(500):
        at = BEGIN + timedelta(
            days=chance.randrange(4),
            # Often at midnight, and often the same few moments.
            minutes=chance.choice([0, 0, chance.randrange(8) * 10, chance.randrange(1440)]),
            microseconds=chance.choice([0, 0, 1, 999_999]),
        )
        listen = Listen(
            chance.choice("abcde"),
            f"t{int(30 * chance.random() ** 2)}",
            at,
            chance.randrange(1, 4),
            chance.choice(["", "", "1000"]),
        )
        # The first to arrive is the listen.
        key = (listen.listener, listen.track, at, listen.ms_played)
        if key not in found or found[key].batch > listen.batch:
            found[key] = listen
    return list(found.values())


def of_notes() -> list[Listen]:
    if not NOTES.exists():
        return []
    with NOTES.open(newline="") as file:
        return [
            Listen("me", row["id"], datetime.fromisoformat(row["timestamp"]), 4)
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def listens() -> list[Listen]:
    return invented() + of_notes()


@pytest.fixture(scope="module")
def built(
    server_home: Home, listens: list[Listen], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    """The examples of all listens, and what they need, in a schema of the developer's."""
    home = replace(server_home, target="dev")
    folder = tmp_path_factory.mktemp("listens")
    for batch in (1, 2, 3):
        path = folder / f"{batch}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["listener", "id", "timestamp", "ms_played"])
            writer.writerows(
                (listen.listener, listen.track, listen.at.isoformat(), listen.ms_played)
                for listen in listens
                if listen.batch == batch
            )
        encore(home, "land", str(path))
    if NOTES.exists():
        encore(home, "land", str(NOTES))
    encore(home, *BUILD, "--select", "+training_examples")
    yield home
    shutil.rmtree(home.landing)


@pytest.fixture(scope="module")
def examples(built: Home) -> list[dict[str, Any]]:
    found = rows(built, "training_examples")
    for row in found:
        row["observed_at"] = datetime.fromisoformat(row["observed_at"])
    return found


def known(listens: list[Listen], example: dict[str, Any]) -> dict[str, Any]:
    """The features of an example, counted from the listens before its moment."""
    listener, track, now = (
        example[key] for key in ("listener_id", "track_id", "observed_at")
    )
    before = [listen for listen in listens if listen.at < now]
    own = [listen for listen in before if listen.listener == listener]
    pair = [listen for listen in own if listen.track == track]
    of_track = [listen for listen in before if listen.track == track]
    last = max(own, key=lambda one: (one.at, one.batch, one.track), default=None)

    def idle_s(group: list[Listen]) -> int | None:
        if not group:
            return None
        newest = max(listen.at for listen in group)
        return int(now.timestamp() // 1) - int(newest.timestamp() // 1)

    return {
        "previous_track_id": last.track if last and now - last.at <= SESSION_GAP else None,
        "listener_listen_count": len(own),
        "listener_track_count": len({listen.track for listen in own}),
        "listener_idle_s": idle_s(own),
        "pair_listen_count": len(pair),
        "pair_idle_s": idle_s(pair),
        "track_listen_count": len(of_track),
        "track_listener_count": len({listen.listener for listen in of_track}),
    }


def test_features_equal_a_recount_of_what_was_before(
    examples: list[dict[str, Any]], listens: list[Listen]
) -> None:
    wrong = []
    for example in examples:
        expected = known(listens, example)
        found = {name: example[name] for name in expected}
        if found != expected:
            wrong.append((example, expected))
    assert wrong == []


def test_every_listen_is_a_positive_example(
    examples: list[dict[str, Any]], listens: list[Listen]
) -> None:
    positives = [
        (row["listener_id"], row["track_id"], row["observed_at"])
        for row in examples
        if row["label"] == 1
    ]
    assert sorted(positives) == sorted({(one.listener, one.track, one.at) for one in listens})


def test_negatives_were_there_and_not_heard(
    examples: list[dict[str, Any]], listens: list[Listen]
) -> None:
    negatives = [row for row in examples if row["label"] == 0]
    keys = {(row["listener_id"], row["track_id"], row["observed_at"]) for row in negatives}
    assert len(keys) == len(negatives)
    for listener, track, now in keys:
        heard = [listen for listen in listens if listen.track == track and listen.at <= now]
        assert any(listen.at < now for listen in heard)
        assert not any(listen.listener == listener for listen in heard)
    # Some listeners know almost every track; the others have their negatives.
    assert len(negatives) > len(examples) / 5
    assert len({track for _, track, _ in keys}) > 10


def test_any_moment_sees_the_newest_row_before_it(built: Home, listens: list[Listen]) -> None:
    """The macro over a table of this project, at moments at which nothing need have been."""
    chance = random.Random(7)
    questions = [
        (
            f"t{chance.randrange(32)}",
            chance.choice(listens).at + timedelta(microseconds=chance.choice([-1, 0, 1]))
            if chance.random() < 0.5
            else BEGIN + timedelta(microseconds=chance.randrange(6 * 86_400 * 10**6)),
        )
        for _ in range(300)
    ]
    spine = ", ".join(
        f"({number}, '{track}', timestamp '{at.isoformat()}')"
        for number, (track, at) in enumerate(questions)
    )
    compiled = json.loads(
        encore(
            built,
            *("dbt", "--quiet", "compile", "--output", "json", "--inline"),
            "with questions as (select * from values "
            f"{spine} as (number, track_id, asked_at)),"
            " histories as (select * from {{ ref('int_track_histories') }}), answered as ("
            "{{ point_in_time_join('questions', 'histories', ['track_id'],"
            " ['track_listen_count'], 'asked_at', 'listened_at', ttl_s=86400) }})"
            " select * from answered",
        )
    )
    with Warehouse(built) as warehouse:
        answers = warehouse.query(compiled["compiled"]).to_pylist()
    assert len(answers) == len(questions)
    found = {row["number"]: row["track_listen_count"] for row in answers}
    for number, (track, now) in enumerate(questions):
        of_track = [listen.at for listen in listens if listen.track == track]
        before = [at for at in of_track if at <= now]
        fresh = before and now - max(before) <= timedelta(days=1)
        assert found[number] == (len(before) if fresh else None), (track, now)


def test_a_loader_reads_the_mart(built: Home, examples: list[dict[str, Any]]) -> None:
    loader = Loader.from_mart(
        "training_examples", ["label", "pair_idle_s"], built, fill_nulls={"pair_idle_s": -1}
    )
    labels = [label for batch in loader for label in batch["label"].tolist()]
    assert sorted(labels) == sorted(row["label"] for row in examples)
    with pytest.raises(EncoreError, match="stg_landing__listens is a view"):
        Loader.from_mart("stg_landing__listens", home=built)


def test_an_export_is_a_copy_with_a_receipt(built: Home, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    told = json.loads(encore(built, "export", "training_examples", str(folder), "--json"))
    kept = json.loads((folder / mart_files.RECEIPT).read_text())
    assert told == kept
    copy, original = Loader(folder), Loader.from_mart("training_examples", home=built)
    assert copy.files.fingerprint == original.files.fingerprint
    assert copy.files.rows == kept["rows"]
    assert kept["schema"]["label"] == "int32"
    # A view has no files; its rows are written.
    encore(built, "export", "stg_landing__listens", str(tmp_path / "view"))
    assert Loader(tmp_path / "view").files.rows == len(rows(built, "stg_landing__listens"))
    again = run(built, "export", "training_examples", str(folder))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    unknown = run(built, "export", "training_exampel", str(tmp_path / "none"))
    assert unknown.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "view"]
