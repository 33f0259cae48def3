"""The layers add up: after any interleaving of landings, runs and rollbacks the serving
marts equal a recompute in plain Python over the rows that were landed.

`make test` runs a short one; ENCORE_DEEP=20 runs twenty longer ones.
"""

import csv
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from python_hooks import (
    artifacts,
    batch,
    feature_definitions,
    landing,
    layers,
    releases,
    server,
)
from python_hooks.dbt_command import run_dbt_with_events
from python_hooks.errors import NegativeAnswerError
from python_hooks.features import open_features
from python_hooks.home import Home
from python_hooks.layers import Speed
from python_hooks.lock import build_lock
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse
from tests.python import features_oracle
from tests.python.layers_oracle import KEYS, Batch, Row, differences, recompute

pytestmark = pytest.mark.warehouse

DEEP = int(os.environ.get("ENCORE_DEEP") or 0)
SEEDS = range(DEEP or 1)
# The build's own tests are not what is tested here, and take most of its time.
BUILD = ("build", "--exclude-resource-type", "test", "unit_test")
LISTENS = ("listener", "id", "artist", "title", "timestamp", "ms_played")
FEATURES = [
    *("danceability", "energy", "loudness", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence", "tempo"),
]
BAD_LISTENS = [
    {"listener": ""},
    {"id": "", "artist": "", "title": ""},
    *({"timestamp": text} for text in ("", "yesterday", "1985-01-01", "2999-01-01")),
    *({"ms_played": text} for text in ("-1", "4.5", "long")),
]
BAD_TRACKS = [{"id": ""}, {"key": "12"}, {"key": "4.5"}, {"duration_ms": "0"}]


@pytest.mark.parametrize("seed", SEEDS)
def test_serving_marts_equal_a_recompute_after_any_interleaving(
    seed: int, home: Home, tmp_path: Path
) -> None:
    server.start(home)
    interleaving = Interleaving(seed, home, tmp_path)
    interleaving.begin()
    steps = [interleaving.hourly, interleaving.adopt_later, interleaving.roll_back]
    if DEEP:
        steps += [interleaving.minute, interleaving.minute, interleaving.hourly]
        steps += [interleaving.rng.choice([interleaving.batch, interleaving.refresh])]
    interleaving.rng.shuffle(steps)
    for step in [*steps, interleaving.minute]:
        step()


class Files:
    """Invented files: late, doubled, repeated and bad rows, all drawn from one generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._now = datetime(2025, 2, 1, tzinfo=UTC)
        self._written: list[tuple[datetime, Row]] = []

    def listens(self) -> list[Row]:
        """Some plays since the last file, a few of them older or heard of before."""
        self._now += self.rng.choice(
            [timedelta(minutes=5), timedelta(1, 25000), timedelta(9)]
        )
        rows: list[Row] = []
        for _ in range(self.rng.randint(4, 12)):
            at, cells = self._repeat() if self.rng.random() < 0.3 else self._play()
            self._written.append((at, cells))
            rows += [cells | {"timestamp": self._spelled(at)}] * self.rng.choice(
                [1] * 7 + [2]
            )
            if self.rng.random() < 0.1:
                rows.append(rows[-1] | self.rng.choice(BAD_LISTENS))
        self.rng.shuffle(rows)
        return rows

    def tracks(self) -> list[Row]:
        """New keys and durations of some tracks, one of them perhaps twice."""
        rows = []
        for number in self.rng.choices(range(12), k=self.rng.randint(3, 10)):
            cells = dict.fromkeys(FEATURES, "0.5") | {
                "id": f"track {number}",
                "mode": self.rng.choice("01"),
                "key": self.rng.choice(["", "-1", "0", "4.0", "7", "11"]),
                "duration_ms": self.rng.choice(["", "1000", "200000", "240000.0"]),
            }
            bad = self.rng.random() < 0.1
            rows.append(cells | (self.rng.choice(BAD_TRACKS) if bad else {}))
        return rows

    def _play(self) -> tuple[datetime, Row]:
        ago = self.rng.uniform(0, 400 if self.rng.random() < 0.25 else 2)
        at = self._now - timedelta(seconds=int(ago * 86400))
        at += timedelta(milliseconds=self.rng.choice([0, 0, 1, 500, 999]))
        listener, track = self.rng.randrange(12), self.rng.randrange(16)
        named = {"id": "", "artist": "The  Larks", "title": self.rng.choice(["Oh", "oh "])}
        cells = dict.fromkeys(LISTENS, "") | {
            "listener": f"listener {listener}",
            # Half of them always say how long, so that some have a monetary score.
            "ms_played": self.rng.choice(
                ["0", "90000", "180000.0"] + [""] * 3 * (listener % 2)
            ),
        }
        return at, cells | ({"id": f"track {track}"} if track else named)

    def _repeat(self) -> tuple[datetime, Row]:
        """A row of any age, or of the last files; with and without the time played."""
        recent = self._written[-30:] if self.rng.random() < 0.7 else self._written
        if not recent:
            return self._play()
        at, cells = self.rng.choice(recent)
        ms = self.rng.choice([cells["ms_played"]] * 4 + ["", "90000.0"])
        return at, cells | {"ms_played": ms}

    def _spelled(self, at: datetime) -> str:
        milliseconds = round(at.timestamp() * 1000)
        there = at + timedelta(hours=5, minutes=30)
        spelled = [
            f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}",
            f"{there:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+05:30",
            str(milliseconds),
        ]
        return self.rng.choice(spelled + [str(milliseconds // 1000)] * (not at.microsecond))


class Interleaving:
    """One installation, what was landed in it, and the steps that publish.

    Args:
        seed: Decides everything.
        home: An installation whose server runs.
        folder: Where files are written before they land.
    """

    def __init__(self, seed: int, home: Home, folder: Path) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self._files = Files(self.rng)
        self._home, self._folder = home, folder
        self._landed: list[Batch] = []
        self._done = [f"seed {seed}"]
        self._total = 0

    def begin(self) -> None:
        """A first history and catalogue, built and published as a whole."""
        self._land(self._files.listens(), is_catalogue=False)
        self._land(self._files.tracks(), is_catalogue=True)
        self._dbt(*BUILD)
        batch.build_artifacts(self._home)
        self._check("first build", reached=self._newest)

    def minute(self) -> None:
        """What arrived is published by the minute layer."""
        self._speed("minute")

    def hourly(self) -> None:
        """What arrived is published, and compacted."""
        release = self._speed("hourly")
        assert release.hourly == release.upto, self._done

    def batch(self) -> None:
        """A batch that nothing arrives beside."""
        self._arrive(least=0)
        layers.publish(self._home, self._unpublished())
        release = self._check("batch", reached=self._newest)
        assert release.batch == self._newest, self._done

    def adopt_later(self) -> None:
        """A batch beside which files arrive and speed runs publish, before it is."""
        self._arrive(least=0)
        build, holds = self._unpublished(), self._newest
        self._done.append(f"built up to {holds}")
        if self.rng.random() < 0.8:
            self._speed(self.rng.choice(["minute", "hourly"]))
        self._arrive(least=0)
        layers.publish(self._home, build)
        release = self._check("adopted", reached=self._newest)
        assert release.batch == holds, self._done

    def refresh(self) -> None:
        """Everything is read again, by a plain dbt build."""
        self._arrive(least=0)
        self._dbt(*BUILD, "--full-refresh")
        batch.build_artifacts(self._home)
        release = self._check("full refresh", reached=self._newest)
        assert release.batch == self._newest, self._done

    def roll_back(self) -> None:
        """What was published once is published again; a minute run catches up."""
        with Warehouse(self._home) as warehouse:
            kept = releases.kept(warehouse)
        to = self.rng.choice(kept[1:] or kept)
        with pytest.raises(NegativeAnswerError):
            layers.rollback(self._home, "20200101T000000000000")
        layers.rollback(self._home, to.release_id)
        self._total = 0
        self._check(f"back to {to.upto} over {to.batch}", reached=to.upto)
        self._speed("minute")

    @property
    def _newest(self) -> int:
        return self._landed[-1].batch_id

    def _speed(self, lane: Speed) -> Release:
        self._arrive(least=1)
        report = layers.run_speed(self._home, lane)
        assert not report.nothing_new, self._done
        return self._check(lane, reached=self._newest)

    def _arrive(self, least: int) -> None:
        for _ in range(self.rng.randint(least, 2)):
            is_catalogue = self.rng.random() < 0.25
            rows = self._files.tracks() if is_catalogue else self._files.listens()
            self._land(rows, is_catalogue)

    def _land(self, rows: list[Row], is_catalogue: bool) -> None:
        path = self._folder / f"{len(self._landed)}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        landed = landing.land([path], self._home)[0]
        self._landed.append(Batch(landed.batch_id, is_catalogue, rows))
        self._done.append(f"{'tracks' if is_catalogue else 'listens'} {landed.batch_id}")

    def _unpublished(self) -> str:
        """As layers.build_batch(), without the tests."""
        build = layers._build_name("batch")
        self._dbt(
            *BUILD,
            ENCORE_LANE="batch",
            ENCORE_BUILD=build,
            ENCORE_PUBLISH="no",
            ENCORE_UPTO=str(self._newest),
        )
        batch._build_artifacts(self._home, build)
        return build

    def _dbt(self, *args: str, **environ: str) -> None:
        with build_lock(self._home, "a test") as lock:
            result = run_dbt_with_events(
                args, self._home, lambda _event: None, lock=lock, environ=environ
            )
        assert result.exit_code == 0, (self._done, result.failures)

    def _check(self, step: str, reached: int) -> Release:
        """Compares the pinned marts with the recompute, and the public views with them."""
        self._done.append(step)
        with Warehouse(self._home) as warehouse:
            release = releases.current(warehouse, self._home)
            assert release.upto == reached, self._done
            expected = recompute(self._landed, release.upto, release.batch)
            expected |= features_oracle.recompute(self._landed, release.upto, release.batch)
            found = {mart: rows(warehouse, release.relation(mart)) for mart in expected}
            public = {
                mart: rows(warehouse, f"{releases.schema()}.{mart}") for mart in expected
            }
        wrong = [
            line
            for mart in expected
            for line in differences(mart, found[mart], expected[mart])
            + differences(mart, public[mart], found[mart])
        ]
        wrong += self._online(release, found)
        assert not wrong, "\n".join([str(self._done), str(release), *wrong[:40]])
        total = sum(row["frequency"] for row in found["fct_listener_track_rfm"])
        assert total >= self._total, self._done
        self._total = total
        return release

    def _online(self, release: Release, found: dict[str, list[Row]]) -> list[str]:
        """Where the artifacts say something else than the marts of the release."""
        wrong = []
        for definition in feature_definitions.read():
            features = open_features(definition.entity, self._home)
            assert features.release == release.release_id, self._done
            with Warehouse(self._home) as warehouse:
                offline = warehouse.read(release.relation(definition.mart))
            parts = [offline[name].to_pylist() for name in definition.join_key]
            keys = list(zip(*parts, strict=True)) if len(parts) > 1 else parts[0]
            online = features.get(keys)
            assert online["found"].to_pylist() == [True] * len(keys), self._done
            assert max(online["last_listened_at"].to_pylist(), key=_late) == (
                features.newest_at.as_py()
            )
            wrong += [
                f"online {definition.entity} {key}: {one} instead of {other}"
                for key, one, other in zip(
                    keys,
                    online.select(offline.column_names).to_pylist(),
                    offline.to_pylist(),
                    strict=True,
                )
                if one != other
            ]
        heard = artifacts.open_filter(
            next(one for one in artifacts.declared() if one.builder == "bloom_filter"),
            self._home,
        )
        return wrong + [
            f"the filter forgot {row}"
            for row in found["fct_listener_track_rfm"]
            if not heard.contains(row["listener_id"], row["track_id"])
        ]


def _late(moment: datetime | None) -> datetime:
    return moment or datetime.min.replace(tzinfo=UTC)


def rows(warehouse: Warehouse, relation: str) -> list[Row]:
    """All rows of a mart, or of the log without where its listens came from."""
    is_log = relation.endswith("_log")
    columns = [*KEYS["int_listens_log"], "batch_id"] if is_log else None
    table = warehouse.read(relation, columns)
    if relation.endswith(".feat_tracks"):
        table = table.drop_columns(list(features_oracle.LEFT_OUT))
    found: list[Row] = table.to_pylist()
    return found
