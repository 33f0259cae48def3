"""Kills, one after the other, in one installation whose data stay the same.

Everything is built once, undisturbed, and what it holds is hashed. Then a run is killed at
a moment that the seed decides, now and then its recovery too; a person would run the
command again, and so does this. What is there afterwards has the same hashes, and nothing
is left over.
"""

import csv
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from python_hooks import landing, releases, server
from python_hooks.artifact_releases import current_release
from python_hooks.home import Home
from python_hooks.lock import holder, is_held
from python_hooks.warehouse import Warehouse
from tests.python.installation import BUILD, Installation, kill
from tests.python.invented_files import Files
from tests.python.layers_oracle import Row
from tests.python.readers import TOTALS

# Publishes again what is there, as a speed run does when something has arrived.
AGAIN = """
from python_hooks import cli, layers
from python_hooks.home import Home
from python_hooks.lock import speed_lock
def again():
    home = Home.from_environment()
    with speed_lock(home, "encore run minute") as lock:
        layers._speed(home, "minute", lock, layers._child)
        layers.follow(home)
cli.encore = lambda **_: again()
cli.main()
"""
# What Spark writes while it writes a table, and encore while it writes a file.
TEMPORARY = re.compile(
    r"_temporary|_batch-.*|\.(spark|hive)-staging.*|.*\.(tmp|new)|building|completing"
)
State = dict[str, str]


@dataclass(frozen=True)
class Kill:
    """One kill, and what came of it.

    Attributes:
        what: What was killed.
        seed: Decides the moment.
        after: Seconds from the start of the command to the kill.
        again: Seconds to the kill of the recovery; None where that was let be.
        too_late: The command had ended by itself.
        recovery: Seconds that the run took that mended it.
        wrong: What was not as in the undisturbed run; empty if all was.
    """

    what: str
    seed: int
    after: float
    again: float | None
    too_late: bool
    recovery: float
    wrong: tuple[str, ...]


class Crashes:
    """An installation that is killed again and again.

    Args:
        installation: A copy of the project with a home of its own.
        folder: Where files are written before they land.
    """

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.on, self.home, self._folder = installation, installation.home, folder
        self.undisturbed: State = {}
        self._took: dict[str, float] = {}
        self._totals: State = {}

    def begin(self) -> None:
        """Builds and publishes everything, undisturbed: batch, tail, artifacts, deltas."""
        # A killed holder of the metastore's lock is waited for; not for a minute here.
        self.on.edit("dbt_project.yml", "lock_seconds: 60", "lock_seconds: 5")
        server.start(self.home)
        files = Files(random.Random(7))
        for number in range(3):
            self._land(f"listens {number}", files.listens())
        self._land("tracks", files.tracks())
        self.on.encore("dbt", *BUILD)
        self.on.encore("artifacts", "build")
        self._land("late", files.listens())
        for what in ("artifacts", "minute"):
            began = time.monotonic()
            self.on.python(*self._commands()[what])
            self._took[what] = time.monotonic() - began
        self.undisturbed = self.state()
        assert not self._unreadable()
        assert not (left := leftovers(self.home)), left

    def kill(self, what: str, seed: int) -> Kill:
        """Kills one run, perhaps its recovery too, and lets the next one mend it.

        Args:
            what: `minute`, `artifacts`, `server` or `batch`; after a batch the tail is
                empty, and no minute run is like those before.
            seed: Decides when, and whether the recovery is killed.
        """
        if what == "batch" and what not in self._took:
            self._batch()
        rng = random.Random(f"{what} {seed}")
        victim = "minute" if what == "server" else what
        after = rng.uniform(0.3, self._took[victim])
        again = rng.uniform(0.3, self._took[victim]) if rng.random() < 0.3 else None
        late = self._killed(self._commands()[victim], after, with_server=what == "server")
        wrong = [] if what == "server" else self._unreadable()
        if again is not None:
            self._killed(self._recovery(victim), again)
        began = time.monotonic()
        server.start(self.home)
        self.on.python(*self._recovery(victim))
        if victim == "batch":
            self.on.encore("artifacts", "build")
        recovery = time.monotonic() - began
        wrong += self.wrong()
        return Kill(what, seed, after, again, late, recovery, tuple(wrong))

    def _batch(self) -> None:
        began = time.monotonic()
        self.on.encore("dbt", *BUILD)
        self._took["batch"] = time.monotonic() - began
        self.on.encore("artifacts", "build")
        self.undisturbed = self.state()

    def again(self, **environ: str) -> None:
        """Publishes again what is there."""
        self.on.python(*self._commands()["minute"], expect=0, **environ)

    def begin_again(self) -> "subprocess.Popen[str]":
        """Starts the same, to be disturbed."""
        return self.on.begin_python(*self._commands()["minute"])

    def seconds(self, what: str) -> float:
        """How long a command took undisturbed."""
        return self._took[what]

    def wrong(self) -> list[str]:
        """What is not as it was undisturbed, what is left over, what is not at rest."""
        wrong = differing(self.undisturbed, self.state()) + leftovers(self.home)
        report = json.loads(self.on.encore("run", "minute", "--json"))
        if not report["nothing_new"]:
            wrong.append("a finished run was run again")
        return wrong

    def state(self) -> State:
        """Hash of every published table and mart, of every batch and every artifact."""
        found = {}
        with Warehouse(self.home) as warehouse:
            release = releases.current(warehouse, self.home)
            for model, build in sorted(release.builds.items()):
                name = f"{model} of {release.batch}"
                folder = self.home.warehouse / f"{build}.db" / model
                if model == "publication":
                    continue
                if folder.exists():
                    rows = pq.read_table(folder).to_pylist()
                    text = "\n".join(sorted(map(repr, rows)))
                    found[name] = hashlib.sha256(text.encode()).hexdigest()
                elif not model.startswith(("stg_", "int_", "agg_")):
                    # A view over the layers; those between are part of it.
                    table = warehouse.query(
                        "select count(*) as n, sum(cast(xxhash64(*) as decimal(38, 0))) "
                        f"as hash from {release.relation(model)}"
                    )
                    found[name] = str(table.to_pylist()[0])
        for path in sorted(current_release(self.home).rglob("*")):
            # Receipts and the note name the release, which is another one each time.
            if path.is_file() and path.suffix != ".json":
                name = str(path.relative_to(current_release(self.home)))
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found | landed(self.home)

    def _unreadable(self) -> list[str]:
        """Public marts that do not say what they said."""
        with Warehouse(self.home) as warehouse:
            found = {
                mart: str(warehouse.query(f"select {total} from encore.{mart}")[0][0])
                for mart, total in TOTALS.items()
            }
        self._totals = self._totals or found
        return differing(self._totals, found)

    def _killed(
        self, command: tuple[str, ...], after: float, *, with_server: bool = False
    ) -> bool:
        process = self.on.begin_python(*command)
        time.sleep(after)
        late = process.poll() is not None
        if with_server:
            psutil.Process(server.status(self.home).pid).kill()
            # Whatever it says, it ends, and without a stack.
            out, err = process.communicate(timeout=300)
            assert "Traceback" not in out + err, err
            assert "\tat org." not in out + err, err
            assert process.returncode in (0, 2), (process.returncode, out, err)
        else:
            kill(process)
        return late

    def _commands(self) -> dict[str, tuple[str, ...]]:
        return {
            "minute": ("-c", AGAIN),
            "artifacts": ("-m", "python_hooks", "artifacts", "build"),
            "batch": ("-m", "python_hooks", "dbt", *BUILD),
        }

    def _recovery(self, what: str) -> tuple[str, ...]:
        minute = ("-m", "python_hooks", "run", "minute")
        return minute if what == "minute" else self._commands()[what]

    def _land(self, name: str, rows: list[Row]) -> None:
        landing.land([write(self._folder / f"{name}.csv", rows)], self.home)


def write(path: Path, rows: list[Row]) -> Path:
    """Writes rows as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def landed(home: Home) -> State:
    """Hash of what each batch holds, without when it came; by its content's hash."""
    return {
        f"batch {batch.digest}": hashlib.sha256(
            repr(
                pq.read_table(batch.path, partitioning=None)
                .drop_columns(["landed_at", "batch_id"])
                .to_pylist()
            ).encode()
        ).hexdigest()
        for batch in landing.batches(home)
    }


def differing(expected: State, found: State) -> list[str]:
    """Names of what is not the same."""
    names = sorted(expected.keys() | found.keys())
    return [
        f"{name}: {found.get(name)} instead of {expected.get(name)}"
        for name in names
        if found.get(name) != expected.get(name)
    ]


def leftovers(home: Home) -> list[str]:
    """Schemas, folders, temporary files and locks that nobody needs."""
    left = [
        str(path)
        for folder in (home.landing, home.warehouse, home.artifacts)
        for path in folder.rglob("*")
        if TEMPORARY.fullmatch(path.name)
    ]
    left += [str(path) for path in home.run.glob("*.new")]
    for name in ("build", "speed"):
        if is_held(home, name) or holder(home, name):
            left.append(f"{name} lock: {holder(home, name)}")
    if not server.is_running(home):
        return left
    with Warehouse(home) as warehouse:
        schemas = set(warehouse.query("show schemas")["namespace"].to_pylist())
        kept = {
            build for each in releases.builds_of_kept(warehouse) for build in each.values()
        }
        views = warehouse.query("show table extended in encore like '*'")["information"]
        text = " ".join(views.to_pylist())
        kept |= set(re.findall(r"View Text: select \* from ([^.\s]+)", text))
        needed = kept | {"encore", "default", "landing"}
        left += [f"schema {name}" for name in sorted(schemas - needed)]
        folders = {path.name.removesuffix(".db") for path in home.warehouse.glob("*.db")}
        left += [f"folder of {name}" for name in sorted(folders - schemas)]
        for schema in sorted(folders & schemas):
            rows = warehouse.query(f"show tables in {schema}").to_pylist()
            tables = {row["tableName"] for row in rows}
            there = {path.name for path in (home.warehouse / f"{schema}.db").iterdir()}
            left += [f"folder {schema}.{name}" for name in sorted(there - tables)]
    return left


def kill_landing(folder: Path, seed: int, big: Path) -> Kill:
    """Kills the landing of a file, perhaps also the second try; the next one lands it."""
    rng = random.Random(f"landing {seed}")
    home = Home(folder / f"home {seed}")
    on = Installation(home, Path(__file__).parents[2])
    small = folder / "small.csv"
    small.write_text("timestamp,id\n2025-01-01,a\n")
    on.encore("land", str(small))
    after, again = rng.uniform(0, 0.8), rng.uniform(0, 0.8) if rng.random() < 0.3 else None

    def killed(seconds: float) -> bool:
        process = on.begin("land", str(big))
        # Most of the time goes by before anything is written: half of the kills are later.
        deadline = time.monotonic() + 60
        written = home.landing.glob("*/chunk=*/_batch-*")
        while seed % 2 and process.poll() is None and not any(written):
            assert time.monotonic() < deadline, "nothing was written"
            written = home.landing.glob("*/chunk=*/_batch-*")
            time.sleep(0.005)
        time.sleep(seconds * (0.5 if seed % 2 else 2))
        late = process.poll() is not None
        kill(process)
        return late

    late = killed(after)
    if again is not None:
        killed(again)
    began = time.monotonic()
    on.encore("land", str(big))
    recovery = time.monotonic() - began
    wrong = leftovers(home)
    undisturbed = Home(folder / "undisturbed")
    if not undisturbed.root.exists():
        landing.land([small], undisturbed)
        landing.land([big], undisturbed)
    wrong += differing(landed(undisturbed), landed(home))
    if not all(each.already_landed for each in landing.land([small, big], home)):
        wrong.append("a landed file was landed again")
    numbers = [batch.batch_id for batch in landing.batches(home)]
    if len(set(numbers)) != len(numbers):
        wrong.append(f"a number was used twice: {numbers}")
    shutil.rmtree(home.root)
    return Kill("landing", seed, after, again, late, recovery, tuple(wrong))


def note(result: Mapping[str, object]) -> None:
    """Adds a result to the file that ENCORE_CRASH_RESULTS names, if it does."""
    path = os.environ.get("ENCORE_CRASH_RESULTS")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(result) + "\n")
