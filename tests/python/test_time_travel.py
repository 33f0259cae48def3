"""A look back knows nothing that was heard later: the marts as of a moment are those of a
landing zone that ends there, and nobody who reads the published marts notices.
"""

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from python_hooks import landing, marts, releases, server, time_travel, why
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import PROJECT, Home
from python_hooks.lock import own_lock
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse
from tests.python.conftest import free_home
from tests.python.encore_command import run
from tests.python.installation import Installation
from tests.python.invented_files import FEATURES

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = "2026-03-01T12:00:00Z"
BUILD = ("dbt", "--quiet", "build", "--exclude-resource-type", "test", "unit_test")
Rows = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STAMP, MOMENT),
        ("2026-03-01T13:00:00+01:00", MOMENT),
        ("2026-03-01T12:00:00", MOMENT),
        (" 2026-03-01 ", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text: str, expected: datetime) -> None:
    assert time_travel.moment(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "1772366400", "now", "14:30"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(EncoreError, match=f"'{text}' is no moment"):
        time_travel.moment(text)


def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    naive = MOMENT.replace(tzinfo=None)
    with (
        pytest.raises(EncoreError, match="has no time zone"),
        time_travel.built(Home(tmp_path), naive, ["rec_listener_tracks"]),
    ):
        pass


class History:
    """Two files of listens; what comes after the moment is at the end of each.

    So a landing zone without it has the same files, batches and lines before.
    """

    def __init__(self) -> None:
        chance = random.Random(20_260_301)
        self.files: list[Rows] = [[], []]
        for number in range(420):
            ago = timedelta(seconds=chance.randrange(90 * 86_400))
            self.add(number % 2, MOMENT - ago, *self._who_and_what(chance))
        # At the very moment, so that the history up to it ends there; and just after it.
        self.add(0, MOMENT, "l0", "t0")
        self.add(0, MOMENT + timedelta(microseconds=1), "l0", "t1")
        for number in range(160):
            later = timedelta(seconds=chance.randrange(1, 30 * 86_400))
            self.add(number % 2, MOMENT + later, *self._who_and_what(chance))
        # What could leak: a track, a listener and a title that nobody knew before; again
        # what was heard before, by many; and a longer history than any.
        for number in range(30):
            at = MOMENT + timedelta(days=1, minutes=number)
            self.add(1, at, f"l{number % 12}", "planted")
            self.add(1, at, "planted", f"t{number % 8}")
        self.add(1, MOMENT + timedelta(days=300), "l3", "t3")
        self.add(1, MOMENT + timedelta(days=1), "l4", "unnamed", "A Title", "An Artist")

    def _who_and_what(self, chance: random.Random) -> tuple[str, str]:
        track = int(24 * chance.random() ** 2)
        return f"l{chance.randrange(12)}", "unnamed" if track == 23 else f"t{track}"

    def add(self, file: int, at: datetime, *cells: str) -> None:
        """A listener, a track, and perhaps a title and an artist."""
        names = ("listener", "id", "title", "artist")
        self.files[file].append(
            dict(zip(names, (*cells, "", "")[:4], strict=True))
            | {"timestamp": at.isoformat(), "ms_played": "90000" if at.second % 3 else ""}
        )

    def land(self, home: Home, folder: Path, upto: datetime | None) -> None:
        """Lands the files, without what was heard after `upto`, and a catalogue."""
        shutil.rmtree(home.landing, ignore_errors=True)
        tracks = [
            dict.fromkeys(FEATURES, str(round(0.1 + number / 40, 3)))
            | {
                "id": f"t{number}",
                "key": str(number % 12),
                "mode": "1",
                "duration_ms": "200000",
            }
            for number in range(20)
        ]
        for number, rows in enumerate([*self.files, tracks]):
            kept = [
                row
                for row in rows
                if upto is None
                or "timestamp" not in row
                or datetime.fromisoformat(row["timestamp"]) <= upto
            ]
            path = folder / f"{number}.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(kept)
            landing.land([path], home)


Marts = dict[str, pa.Table]


def all_rows(warehouse: Warehouse, relation: Callable[[str], str]) -> Marts:
    """Every mart that is not about what arrived, its rows in an order of their own."""
    about_arrivals = ("fct_landing_accounts", "fct_rejected_reasons", "fct_rejected_rows")
    wanted = [mart for mart in marts.marts() if mart not in about_arrivals]
    return {mart: in_order(warehouse.read(relation(mart))) for mart in wanted}


def in_order(table: pa.Table) -> pa.Table:
    """The rows of a table in an order that depends on nothing but them."""
    lines = [json.dumps(row, default=str) for row in table.to_pylist()]
    order = sorted(range(len(lines)), key=lines.__getitem__)
    return table.take(pa.array(order, pa.int64()))


def differing(found: Marts, expected: Marts) -> list[str]:
    """Names of the columns that differ, as mart.column."""
    assert found.keys() == expected.keys()
    wrong = []
    for mart, table in expected.items():
        assert found[mart].column_names == table.column_names
        wrong += [
            f"{mart}.{column}: {found[mart].num_rows} rows, {table.num_rows} expected"
            for column in table.column_names
            if found[mart][column].to_pylist() != table[column].to_pylist()
        ]
    return wrong


# Every kind of source has a part, whatever the project's weights are.
WEIGHTS = """mode,source,weight
familiar,repeats_90d,0.75
familiar,neighbours,0.18
familiar,popular_last_30d,0.07
familiar,ease,0
discover,neighbours,0.6
discover,popular_7d,0.4
discover,ease,0
"""


@pytest.fixture(scope="module")
def truncated_then_whole(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Installation, Marts]]:
    """An installation of the whole history, and the marts of the one that ends earlier."""
    folder = tmp_path_factory.mktemp("travel")
    home = free_home(folder / "home")
    server.start(home)
    try:
        installation = Installation.copied(home, folder)
        (installation.project / "seeds" / "recommendation_weights.csv").write_text(WEIGHTS)
        history = History()
        history.land(home, folder, MOMENT)
        installation.encore(*BUILD)
        with Warehouse(home) as warehouse:
            before = all_rows(warehouse, releases.current(warehouse, home).relation)
        history.land(home, folder, None)
        installation.encore(*BUILD, "--full-refresh")
        yield installation, before
    finally:
        server.stop(home)


def published(home: Home) -> Release:
    with Warehouse(home) as warehouse:
        return releases.current(warehouse, home)


def left(home: Home) -> list[str]:
    with Warehouse(home) as warehouse:
        found: list[str] = (
            warehouse.query("show schemas like 'encore_as_of_*'").column(0).to_pylist()
        )
    return found


@pytest.mark.warehouse
def test_marts_as_of_a_moment_are_those_of_a_history_that_ends_there(
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    installation, expected = truncated_then_whole
    home = installation.home
    release = published(home)
    with Warehouse(home) as warehouse:
        now = all_rows(warehouse, release.relation)
        # There is something to leak in every mart that depends on listens.
        changed = {line.split(".")[0] for line in differing(now, expected)}
        listens = {mart for mart in now if mart.startswith(("rec_", "fct_", "feat_l"))}
        assert changed >= listens - {"fct_key_mode_frequency"}
        with time_travel.built(home, MOMENT, list(expected)) as then:
            assert left(home) == [then["rec_listener_tracks"].split(".")[0]]
            wrong = differing(all_rows(warehouse, then.__getitem__), expected)
            span = warehouse.read(then["int_listening_span"]).to_pylist()[0]
    assert not wrong, "\n".join(wrong)
    assert (span["newest_at"], span["as_of"]) == (MOMENT, MOMENT)
    assert left(home) == []
    assert published(home) == release


@pytest.mark.warehouse
def test_ages_look_back_from_the_moment_and_a_missing_filter_is_noticed(
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    installation, expected = truncated_then_whole

    def popular(*args: str) -> Rows:
        options = ("--as-of", STAMP, "--limit", "all", "--order-by", "track_id", "--json")
        rows: Rows = json.loads(
            installation.encore("show", "fct_track_popularity", *options, *args)
        )
        return rows

    wanted = expected["fct_track_popularity"].sort_by("track_id").to_pylist()
    assert popular() == wanted
    filtered = '" where listened_at <= timestamp \'"'
    facts = "macros/publishing/as_of_facts.sql"
    installation.edit(facts, filtered, '" where true or listened_at <= timestamp \'"')
    try:
        assert popular() != wanted
    finally:
        installation.edit(facts, '" where true or', '" where')
    with (
        time_travel.built(
            installation.home, MOMENT - timedelta(days=200), ["fct_track_popularity"]
        ) as then,
        Warehouse(installation.home) as warehouse,
    ):
        assert warehouse.read(then["fct_track_popularity"]).num_rows == 0
        span = warehouse.read(then["int_listening_span"]).to_pylist()
    assert span == [
        {"base_at": None, "newest_at": None, "as_of": MOMENT - timedelta(days=200)}
    ]


@pytest.mark.warehouse
def test_what_a_killed_look_back_left_is_collected_and_a_living_one_is_not(
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    home = truncated_then_whole[0].home
    killed, living = (
        "encore_as_of_20200101000000_dead00",
        "encore_as_of_20200101000000_a11fe0",
    )
    with Warehouse(home) as warehouse, own_lock(home, living, "a test"):
        for schema in (killed, living):
            warehouse.query(f"create schema {schema}")
            warehouse.query(f"create table {schema}.some using parquet as select 1 as one")
        # Names no moment: nothing has to be built.
        with time_travel.built(home, MOMENT, ["pitch_classes"]) as then:
            assert then["pitch_classes"] == published(home).relation("pitch_classes")
            assert left(home) == [living]
        warehouse.query(f"drop schema {living} cascade")
    assert not list(home.run.glob("encore_as_of_*"))


@pytest.mark.warehouse
@pytest.mark.parametrize(
    ("mart", "options"),
    [("rec_listener_tracks", ()), ("rec_listener_discoveries", ("--discover",))],
)
def test_recommendations_as_of_a_moment_are_those_of_then(
    mart: str,
    options: tuple[str, ...],
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    installation, expected = truncated_then_whole
    options = (*options, "--sources", "sql", "-k", "50")
    answer = json.loads(
        installation.encore("recommend", "l3", *options, "--json", ENCORE_AS_OF=STAMP)
    )
    wanted = [row for row in expected[mart].to_pylist() if row["listener_id"] == "l3"]
    wanted.sort(key=lambda row: row["rank"])
    assert answer["release"] == f"as of {STAMP}"
    assert [
        (item["track_id"], item["score"], item["reason"])
        for item in answer["items"][: len(wanted)]
    ] == [(row["track_id"], row["score"], row["reason"]) for row in wanted]
    # What fills a list of discoveries was not heard by then either.
    heard = {
        row["track_id"]
        for row in expected["fct_listener_track_rfm"].to_pylist()
        if row["listener_id"] == "l3"
    }
    listed = {item["track_id"] for item in answer["items"]}
    assert heard.isdisjoint(listed) == ("--discover" in options)


@pytest.mark.warehouse
@pytest.mark.parametrize(
    ("args", "moment", "code", "said"),
    [
        (
            ("dbt", "build", "-s", "rec_popular_tracks"),
            STAMP,
            2,
            "reads int_popular_recordings, which",
        ),
        (("dbt", "build", "-s", "int_listens_log"), STAMP, 2, "is about what arrived"),
        (
            ("dbt", "build", "-s", "pitch_classes"),
            "2026-13-01T00:00:00Z",
            2,
            "is no moment in UTC",
        ),
        (("dbt", "build", "-s", "pitch_classes"), "yesterday", 2, "is no moment in UTC"),
        (("dbt", "build", "-s", "pitch_classes", "-t", "dev"), STAMP, 2, "no other target"),
        (("run", "hourly"), STAMP, 1, "no layer"),
        (("show", "fct_track_rfm"), "yesterday", 2, "'yesterday' is no moment"),
        (("show", "fct_tracks"), STAMP, 1, "No model is called fct_tracks"),
    ],
)
def test_what_cannot_be_looked_back_at_is_refused(
    args: tuple[str, ...],
    moment: str,
    code: int,
    said: str,
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    home = truncated_then_whole[0].home
    if args[0] == "run":
        later = home.root.parent / "later.csv"
        later.write_text("listener,id,timestamp\nl3,later,2026-03-02T00:00:00Z\n")
        landing.land([later], home)
    # dbt's manifest of another target would be taken for that of the others.
    own = {"DBT_TARGET_PATH": str(home.root / "target")} if args[0] == "dbt" else {}
    done = run(home, *args, ENCORE_AS_OF=moment, **own)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


@pytest.mark.warehouse
def test_an_unknown_model_is_refused(
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    home = truncated_then_whole[0].home
    with (
        pytest.raises(NegativeAnswerError, match="No model is called rec_tracks"),
        time_travel.built(home, MOMENT, ["rec_tracks"]),
    ):
        pass


@pytest.mark.warehouse
@pytest.mark.parametrize(
    ("mart", "led"),
    [
        ("rec_listener_tracks", {"repeats", "neighbours", "popular"}),
        ("rec_listener_discoveries", {"neighbours", "popular"}),
    ],
)
def test_every_number_of_a_reason_is_in_a_mart(
    truncated_then_whole: tuple[Installation, Marts], mart: str, led: set[str]
) -> None:
    home = truncated_then_whole[0].home
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)

        def read(model: str) -> Rows:
            rows: Rows = warehouse.read(release.relation(model)).to_pylist()
            return rows

        listed = [row for row in read(mart) if row["listener_id"] == "l3"]
        heard = [row for row in read("int_listens_log") if row["listener_id"] == "l3"]
        neighbours, popularity = read("fct_track_neighbours"), read("fct_track_popularity")
    listed.sort(key=lambda row: row["rank"])
    kinds = set()
    first_of = {
        source.split("_")[0]: row for row in listed[::-1] for source in row["sources"]
    }
    for row in [*first_of.values(), listed[-1]]:
        discover = mart == "rec_listener_discoveries"
        found = why.explain("l3", row["track_id"], home, discover=discover)
        assert (found.rank, found.release) == (row["rank"], release.release_id)
        assert found.score == row["score"]
        assert [term.source for term in found.terms] == row["sources"]
        assert "; ".join(dict.fromkeys(term.reason for term in found.terms)) == row["reason"]
        for term in found.terms:
            assert term.value == pytest.approx(term.weight * term.strength, abs=1e-9)
            assert (PROJECT / term.file).name == f"{term.model}.sql"
            kinds.add(term.source.split("_")[0])
            own = [each for each in heard if each["track_id"] == row["track_id"]]
            if term.source.startswith("repeats"):
                times = "once" if len(own) == 1 else f"{len(own)} times"
                last = max(each["listened_at"] for each in own)
                assert term.reason == f"played {times}, last on {last:%Y-%m-%d}"
                assert term.rows[0]["listen_count"] == len(own)
                assert [each.listen_count for each in term.listens] == [len(own)]
                assert term.listens[0].latest[0] == last.isoformat().replace("+00:00", "Z")
            elif term.source == "neighbours":
                assert not own
                seeds = {each["seed_track_id"]: each for each in term.rows}
                pairs = [
                    each
                    for each in neighbours
                    if each["neighbour_track_id"] == row["track_id"]
                    and each["track_id"] in seeds
                ]
                assert {
                    each["track_id"]: (each["co_listener_count"], each["similarity"])
                    for each in pairs
                } == {
                    seed: (each["co_listener_count"], each["similarity"])
                    for seed, each in seeds.items()
                }
                best = max(pairs, key=lambda each: (each["similarity"], each["track_id"]))
                assert term.reason.startswith(f"{best['co_listener_count']} listeners of")
                assert term.reason.endswith(f"(similarity {best['similarity']:.3f})")
                assert [each.recording_id for each in term.listens] == list(seeds)
                assert sum(each.listen_count for each in term.listens) == sum(
                    each["track_id"] in seeds for each in heard
                )
            else:
                (track,) = (
                    each for each in popularity if each["track_id"] == row["track_id"]
                )
                counted = track["listens_30d"]
                assert term.reason == f"listens by all in the last 30 days: {counted}"
                assert not term.listens
    assert kinds == led


@pytest.mark.warehouse
def test_why_is_printed_and_says_where_there_is_no_reason(
    truncated_then_whole: tuple[Installation, Marts],
) -> None:
    installation, _ = truncated_then_whole
    home = installation.home
    listed = json.loads(run(home, "recommend", "l3", "-k", "1", "--json").stdout)["items"][0]
    shown = run(home, "why", "l3", listed["track_id"]).stdout
    assert "rank 1" in shown
    assert f"{listed['score']:.6f}" in shown
    answer = json.loads(run(home, "why", "l3", listed["track_id"], "--json").stdout)
    assert (
        answer["score"]
        == listed["score"]
        == round(sum(term["value"] for term in answer["terms"]), 9)
    )
    # A longer list would be filled, which needs a filter that was not built here.
    asked = ("recommend", "l3", "--discover", "-k", "1", "--json")
    new = json.loads(run(home, *asked).stdout)["items"][0]
    answer = json.loads(
        run(home, "why", "l3", new["track_id"], "--discover", "--json").stdout
    )
    assert (answer["mode"], answer["rank"]) == ("discover", 1)
    assert answer["score"] == new["score"]
    # What they heard is no discovery, even where a source of the mode proposes it.
    for listener, track, *options in (
        ("l3", "nothing"),
        ("nobody", listed["track_id"]),
        ("l3", listed["track_id"], "--discover"),
    ):
        done = run(home, "why", listener, track, *options)
        assert done.returncode == 1
        assert f"track {track} to listener {listener}" in " ".join(done.stderr.split())
