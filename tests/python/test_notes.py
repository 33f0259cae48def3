"""From nothing, over the notes' files, to a week of radio: the figures that must come out."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from python_hooks import server
from python_hooks.home import PROJECT, Home
from tests.python.conftest import free_home
from tests.python.encore_command import encore, rows, run

pytestmark = pytest.mark.warehouse

DATA = PROJECT.parent / "shared" / "data"
KEYS = {1: 224, 0: 210, 7: 163, 5: 156, 6: 141, 2: 140, 9: 132, 11: 131, 8: 130, 4: 126}
KEYS |= {10: 104, 3: 59}
BUILD = ("dbt", "--quiet", "build", "--exclude-resource-type", "test", "unit_test")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The marts over a landing zone with nothing in it."""
    home = free_home(tmp_path_factory.mktemp("notes") / "état of encore")
    try:
        server.start(home)
        encore(home, "dbt", "--quiet", "build", "--exclude-resource-type", "unit_test")
        yield home
    finally:
        server.stop(home)
        shutil.rmtree(home.root, ignore_errors=True)


@pytest.fixture(scope="module")
def notes(empty: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The marts over the notes' two files, or over invented ones with their properties."""
    folder = DATA / "notes"
    if not folder.exists():
        folder = tmp_path_factory.mktemp("notes")
        write_notes(folder)
    encore(empty, "land", str(folder))
    encore(empty, *BUILD)
    return empty


def write_notes(folder: Path) -> None:
    """Invented files with the notes' counts, keys and moments."""
    keys = [key for key, count in KEYS.items() for _ in range(count)]
    features = ["danceability", "energy", "loudness", "speechiness", "acousticness"]
    features += ["instrumentalness", "liveness", "valence"]
    with (folder / "saved_track_features.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*features, "key", "mode", "tempo", "id"])
        for number, key in enumerate(keys):
            cells = [(number % 97 + 1) / 100] * 8
            writer.writerow([*cells, key, number % 2, 90 + number % 60, f"track{number:04}"])
    # 43 tracks: one heard four times, four twice, 38 once; the first 14 have features.
    heard = [f"track{n:04}" for n in range(14)] + [f"other{n:02}" for n in range(29)]
    plays = heard + [heard[0]] * 3 + heard[1:5]
    newest = ["14:30:45.920", "14:28:17.056", "14:24:43.086", "14:21:41.051", "14:18:17.057"]
    moments = [f"2024-07-09T{clock}Z" for clock in newest]
    moments += [f"2024-07-08T10:{n:02}:00.500Z" for n in range(44)]
    moments += ["2024-07-02T18:44:14.382Z"]
    with (folder / "listening_history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "timestamp"])
        writer.writerows(zip(plays, moments, strict=True))


def test_a_build_on_nothing_has_the_twelve_keys_and_no_shares(empty: Home) -> None:
    found = rows(empty, "fct_key_frequency")
    assert sorted(row["musical_key"] for row in found) == list(range(12))
    assert {row["track_count"] + row["listen_count"] for row in found} == {0}
    assert {row["track_share"] for row in found} == {None}
    assert rows(empty, "rec_listener_tracks") == []
    encore(empty, "artifacts", "build")
    encore(empty, "artifacts", "check")


def test_the_notes_keys(notes: Home) -> None:
    found = {row["musical_key"]: row for row in rows(notes, "fct_key_frequency")}
    assert {key: found[key]["track_count"] for key in range(12)} == KEYS
    assert sum(row["track_count"] for row in found.values()) == 1716
    ranked = sorted(KEYS, key=lambda key: (-KEYS[key], key))
    assert sorted(KEYS, key=lambda key: found[key]["track_rank"]) == ranked


def test_the_notes_recencies_and_frequencies(notes: Home) -> None:
    listens = rows(notes, "fct_listen_recency", "--order-by", "listened_at desc")
    assert len(listens) == 50
    assert {row["base_at"] for row in listens} == {"2024-07-02T18:44:14.382000Z"}
    newest = [row["recency_s"] for row in listens[:5]]
    assert newest == [589591, 589443, 589229, 589047, 588843]
    tracks = rows(notes, "fct_track_rfm")
    assert Counter(row["frequency"] for row in tracks) == {1: 38, 2: 4, 4: 1}
    played = {row["track_id"] for row in tracks}
    described = {row["track_id"] for row in rows(notes, "dim_tracks") if row["has_features"]}
    assert len(played & described) == 14


def test_marts_do_not_depend_on_the_session_time_zone(notes: Home) -> None:
    marts = [
        *("fct_key_frequency", "fct_listen_recency", "fct_track_rfm", "fct_listener_rfm"),
        *("fct_listener_track_rfm", "fct_track_popularity", "rec_listener_tracks"),
    ]

    def contents(home: Home) -> dict[str, list[str]]:
        return {mart: sorted(map(json.dumps, rows(home, mart))) for mart in marts}

    as_utc = contents(notes)
    for zone in ("America/New_York", "Asia/Kolkata"):
        # A developer's own schema, in which parts can be built alone.
        dev = replace(notes, target="dev", session_timezone=zone)
        encore(dev, *BUILD, "--select", *(f"+{mart}" for mart in marts))
        assert contents(dev) == as_utc, zone


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_a_week_of_radio_is_accounted_for_row_by_row(notes: Home) -> None:
    encore(notes, "land", str(DATA / "classic_rock"))
    encore(notes, *BUILD)
    marts = ("fct_landing_accounts", "rec_listener_tracks")
    encore(notes, "dbt", "--quiet", "test", "--select", *marts)
    accounts = {
        Path(row["source_file"]).name: row for row in rows(notes, "fct_landing_accounts")
    }
    plays, tracks = accounts["plays.csv.gz"], accounts["tracks.csv.gz"]
    assert plays["rows_landed"] == 37_673
    assert tracks["rows_landed"] == 79_617
    # 260 plays repeat exactly; none is lost.
    assert plays["rows_duplicate"] >= 260
    for row in (plays, tracks):
        kinds = ("accepted", "duplicate", "superseded", "rejected", "unreadable")
        assert row["rows_landed"] == sum(row[f"rows_{kind}"] for kind in kinds), row
    # The radio went silent ten years before the notes; its stations have favourites still.
    recommended = rows(notes, "rec_listener_tracks")
    assert any(
        row["listener_id"] == "KSEG" and row["sources"][0].startswith("repeats")
        for row in recommended
    )


def test_what_is_dropped_into_a_watched_folder_changes_the_answers(
    notes: Home, tmp_path: Path
) -> None:
    before = json.loads(encore(notes, "releases", "--json"))[0]["release_id"]
    with subprocess.Popen(
        [sys.executable, "-m", "python_hooks", "watch", str(tmp_path), "--every", "1"],
        cwd=PROJECT,
        env=os.environ | notes.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        (tmp_path / "nothing.csv").write_text("a,b\n1,2\n")
        (tmp_path / "new.csv").write_text(
            "listener,id,timestamp\n" + "zoe,a new song,2024-07-02T19:00:00Z\n" * 2
        )
        assert watching.stdout is not None
        lines = iter(watching.stdout.readline, "")
        said = next(line for line in lines if "minute to batch" in line)
        watching.terminate()
        assert watching.wait(60) == 0
    assert "nothing.csv refused" in said
    assert "new.csv: 2 rows" in said
    newest, *older = json.loads(encore(notes, "releases", "--json"))
    assert (newest["lane"], newest["until"]) == ("minute", None)
    assert older[0]["release_id"] == before
    assert newest["rows"] > 43
    assert newest["bytes"] > newest["rows"]
    status = json.loads(encore(notes, "status", "--json"))
    assert (status["lag_batches"], status["upto"]) == (0, status["newest"])
    answer = json.loads(encore(notes, "recommend", "zoe", "--json"))
    # One play of a track that nobody else knows calls nothing up.
    assert answer["fallback"].endswith("what is no repeat is popular")
    assert answer["items"][0]["track_id"] == "a new song"
    assert "played once" in answer["items"][0]["reason"]
    heard = {"listener_id = 'zoe'": 1, "listener_id = 'me'": 43}
    for where, count in heard.items():
        assert len(rows(notes, "fct_listener_track_rfm", "--where", where)) == count
    # And back; the next run would bring it again.
    encore(notes, "rollback", before)
    assert rows(notes, "fct_listener_track_rfm", "--where", "listener_id = 'zoe'") == []
    assert run(notes, "rollback", "20200101T000000000000").returncode == 1
