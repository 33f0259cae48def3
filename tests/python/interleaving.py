"""One installation, what was landed in it, and the steps that publish.

After each step the serving marts are compared with the recompute of `layers_oracle`, and
a release that was pinned some steps ago with what it was then.
"""

import csv
import random
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from python_hooks import landing, releases
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse
from tests.python import features_oracle
from tests.python.comparing import (
    Marts,
    differences_online,
    read_marts,
    views_elsewhere,
    wrong_rows,
)
from tests.python.installation import BUILD, Installation
from tests.python.invented_files import Files
from tests.python.layers_oracle import (
    EARLIEST,
    Batch,
    Definitions,
    Row,
    recompute,
)
from tests.python.readers import Readers

_STAGING = "macros/parsing/listen_rejection_reason.sql"
_EARLIEST_IN_SQL = """'{{ var("earliest_listened_at") }}'"""
SEGMENTS = "seeds/rf_segments.csv"
# Pinned releases are kept for an hour after they closed.
_PINNED_SECONDS = 50 * 60


@dataclass(frozen=True)
class Snapshot:
    """A release that was checked: what its marts hold, and which code made them."""

    release: Release
    marts: Marts
    edits: int
    checked_at: float


class Interleaving:
    """One installation, what was landed in it, and the steps that publish.

    Args:
        seed: Decides everything.
        installation: One whose server runs.
        folder: Where files are written before they land.
    """

    def __init__(self, seed: int, installation: Installation, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.landed: list[Batch] = []
        self.done = [f"seed {seed}"]
        self.files = Files(self.rng)
        self.on, self._folder = installation, folder
        self._home = installation.home
        self.snapshots: list[Snapshot] = []
        self._total = 0
        self._edits = 0
        self.readers = Readers()
        self._definitions = Definitions(self._kept_seeds(), EARLIEST)

    def begin(self) -> None:
        """A first history and catalogue, built and published as a whole."""
        self.land(self.files.listens(), is_catalogue=False)
        self.land(self.files.tracks(), is_catalogue=True)
        self.check("first build", self._dbt())

    def minute(self) -> None:
        """What arrived is published by the minute layer."""
        self.speed("minute")

    def hourly(self) -> None:
        """What arrived is published, and compacted."""
        release = self.speed("hourly")
        assert release.hourly == release.upto, self.done

    def batch(self) -> None:
        """A batch that nothing arrives beside."""
        self._arrive(least=0)
        self.publish(self.unpublished())
        release = self.check("batch", self.newest)
        assert release.batch == self.newest, self.done

    def adopt_later(self) -> None:
        """A batch beside which files arrive and speed runs publish, before it is."""
        self._arrive(least=0)
        build, holds = self.unpublished(), self.newest
        self.done.append(f"built up to {holds}")
        if self.rng.random() < 0.8:
            self.speed(self.rng.choice(["minute", "hourly"]))
        self._arrive(least=0)
        self.publish(build)
        release = self.check("adopted", self.newest)
        assert release.batch == holds, self.done

    def refresh(self) -> None:
        """Everything is read again, by a plain dbt build."""
        self._arrive(least=0)
        self.check("full refresh", self._dbt("--full-refresh"))

    def roll_back(self) -> None:
        """What was published once is published again; a minute run catches up."""
        kept = {kept.release_id for kept in self._kept()[1:]}
        choices = [
            snapshot
            for snapshot in self.snapshots
            if snapshot.release.release_id in kept and snapshot.edits == self._edits
        ]
        if not choices:
            return
        self.on.roll_back("20200101T000000000000", expect=1)
        self.roll_back_to(self.rng.choice(choices))

    def roll_back_to(self, to: Snapshot) -> None:
        """This snapshot is published again; a minute run catches up."""
        self._totals_may_go_back()
        self.on.roll_back(to.release.release_id)
        self.check(f"back to {to.release.release_id}", to.release.upto, to.marts)
        self.speed("minute")

    def edit_seed(self) -> None:
        """A segment gets another name: speed runs keep the published one until a batch.

        The marts alone cannot be built: what they read is what the last batch saw.
        """
        self._edits += 1
        was = "champions" in (self.on.project / SEGMENTS).read_text()
        self.on.edit(SEGMENTS, *("champions", "heroes")[:: 1 if was else -1])
        self.speed("minute")
        self._definitions = Definitions(self._kept_seeds(), self._definitions.earliest)
        self.on.build("-s", "rf_segments+", expect=1)
        self.check("edited seed", self._dbt())

    def edit_staging(self) -> None:
        """Staging rejects more, or less: speed runs wait, the next build reads all again."""
        self._edits += 1
        self._totals_may_go_back()
        stricter = datetime(2024, 10, 1, tzinfo=UTC)
        spelled = f"'{stricter:%Y-%m-%d %H:%M:%S}Z'"
        if self._definitions.earliest == EARLIEST:
            self.on.edit(_STAGING, _EARLIEST_IN_SQL, spelled)
            self._definitions = Definitions(self._definitions.seeds, stricter)
        else:
            self.on.edit(_STAGING, spelled, _EARLIEST_IN_SQL)
            self._definitions = Definitions(self._definitions.seeds, EARLIEST)
        self._refused()
        self.check("edited staging", self._dbt())

    def killed(self) -> None:
        """A run is killed at any moment; the next one heals."""
        self._arrive(least=1)
        command = self.rng.choice(
            [("run", "minute"), ("run", "hourly"), ("dbt", *BUILD), ("run", "batch")]
        )
        after = self.rng.uniform(2, 30)
        self.done.append(f"{' '.join(command[:2])} killed after {after:.1f} s")
        self.on.kill_in(*command, after=after)
        if command[0] == "dbt" and self.on.has_artifacts:
            self.on.encore("artifacts", "build")
        self.speed("minute", least=0)

    def speed(self, lane: str, least: int = 1) -> Release:
        """A run of a speed layer, after something arrived."""
        self._arrive(least)
        report = self.on.speed(lane)
        assert not (least and report["nothing_new"]), self.done
        return self.check(lane, self.newest)

    @property
    def newest(self) -> int:
        """The last landed batch."""
        return self.landed[-1].batch_id

    def _arrive(self, least: int) -> None:
        for _ in range(self.rng.randint(least, 2)):
            is_catalogue = self.rng.random() < 0.25
            rows = self.files.tracks() if is_catalogue else self.files.listens()
            self.land(rows, is_catalogue)

    def land(self, rows: list[Row], is_catalogue: bool) -> None:
        """Lands one file of these rows."""
        path = self._folder / f"{len(self.landed)}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        landed = landing.land([path], self._home)[0]
        self.landed.append(Batch(landed.batch_id, is_catalogue, rows))
        self.done.append(f"{'tracks' if is_catalogue else 'listens'} {landed.batch_id}")

    def _refused(self) -> None:
        self._arrive(least=1)
        self.on.speed("minute", expect=1)
        self.check("refused", *self._before())

    def _kept_seeds(self) -> Path:
        kept = self._folder / f"seeds {self._edits}"
        shutil.copytree(self.on.project / "seeds", kept)
        return kept

    def _totals_may_go_back(self) -> None:
        self._total = 0
        self.readers.epoch += 1

    def _before(self) -> tuple[int, Marts]:
        last = self.snapshots[-1]
        return last.release.upto, last.marts

    def _dbt(self, *options: str) -> int:
        self.on.build(*options)
        return self.newest

    def unpublished(self) -> str:
        """A batch that is built and not published; returns its schema."""
        build = f"encore_build_batch_{time.time_ns()}"
        self.on.build_unpublished(build, self.newest)
        return build

    def publish(self, build: str) -> None:
        """Publishes a batch that was built."""
        self.on.publish(build)

    def _kept(self) -> list[releases.Kept]:
        with Warehouse(self._home) as warehouse:
            return releases.kept(warehouse)

    def check(self, step: str, upto: int, expected: Marts | None = None) -> Release:
        """Compares the published marts with a recompute, and a pinned release with itself.

        Args:
            step: What was done.
            upto: The batch that the release must have seen.
            expected: What its marts hold, if not a recompute by the present definitions.
        """
        self.done.append(step)
        with Warehouse(self._home) as warehouse:
            release = releases.current(warehouse, self._home)
            assert release.upto == upto, (self.done, release)
            wanted = expected or self._recomputed(release)
            found = read_marts(warehouse, {mart: release.relation(mart) for mart in wanted})
            wrong = wrong_rows("", found, wanted)
            wrong += views_elsewhere(warehouse, release, wanted)
            if pinned := self._some_pinned():
                relations = {mart: pinned.release.relation(mart) for mart in pinned.marts}
                again = read_marts(warehouse, relations)
                wrong += wrong_rows(
                    f"pinned {pinned.release.release_id} ", again, pinned.marts
                )
            heard = found["fct_listener_track_rfm"]
            if self.on.has_artifacts:
                wrong += differences_online(self._home, warehouse, release, heard)
        assert not wrong, "\n".join([str(self.done), str(release), *wrong[:40]])
        total = sum(row["frequency"] for row in heard)
        assert total >= self._total, self.done
        assert not self.readers.wrong, (self.done, self.readers.wrong[:10])
        self._total = total
        self.snapshots.append(Snapshot(release, wanted, self._edits, time.monotonic()))
        return release

    def _recomputed(self, release: Release) -> Marts:
        seen = (self.landed, release.upto, release.batch, self._definitions)
        return recompute(*seen) | features_oracle.recompute(*seen)

    def reread_pinned(self) -> None:
        """Compares every release that was checked with what it was then."""
        with Warehouse(self._home) as warehouse:
            for pinned in self.snapshots:
                relations = {mart: pinned.release.relation(mart) for mart in pinned.marts}
                wrong = wrong_rows("pinned ", read_marts(warehouse, relations), pinned.marts)
                assert not wrong, "\n".join([str(self.done), *wrong[:40]])

    def _some_pinned(self) -> Snapshot | None:
        # Reading all marts again is half of a step's work.
        if self.rng.random() < 0.6:
            return None
        since = time.monotonic() - _PINNED_SECONDS
        recent = [each for each in self.snapshots if each.checked_at > since]
        return self.rng.choice(recent) if recent else None
