"""The layers' dbt runs: an unpublished batch, its adoption, the hourly and minute runs.

A batch is built in a schema of its own while speed runs go on; publishing it is the work
of a moment, under the speed lock (macros/publishing, docs/layers.md).
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from python_hooks import (
    artifacts,
    deltas,
    failing_rows,
    forgotten,
    landing,
    releases,
    run_history,
    server,
)
from python_hooks.console import err
from python_hooks.dbt_command import run_dbt_with_events
from python_hooks.dbt_events import Failure, NodeEvent
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import Home, target_folder
from python_hooks.interrupts import INTERRUPTED
from python_hooks.lock import BuildLock, speed_lock
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

Speed = Literal["hourly", "minute"]
# Runs one dbt command under a lock, with more variables; raises where it fails.
Dbt = Callable[[list[str], Home, BuildLock, Mapping[str, str]], None]


@dataclass(frozen=True)
class SpeedReport:
    """What a speed run did.

    Attributes:
        lane: `hourly` or `minute`.
        release: Id of the release that is published after it.
        nothing_new: No batch had arrived; dbt was not started.
        batch: Last batch of the batch layer.
        upto: Last batch that the serving marts have seen.
        seconds: How long it took.
    """

    lane: Speed
    release: str
    nothing_new: bool
    batch: int
    upto: int
    seconds: float


def newest_batch(home: Home) -> int:
    """Number of the last landed batch; 0 if nothing has landed."""
    return max((batch.batch_id for batch in landing.batches(home)), default=0)


def build_batch(
    home: Home,
    lock: BuildLock,
    on_event: Callable[[NodeEvent], None],
    *,
    unit_tests: bool = True,
    accept_rejects: bool = False,
) -> str:
    """Builds and tests everything, unpublished; returns the schema of the build.

    The log of before is left alone while it may hold a listener who is being forgotten.

    Args:
        home: The installation.
        lock: The held build lock.
        on_event: Told of every node that ends.
        unit_tests: Run those of the models, too.
        accept_rejects: Go on although a new file is mostly unusable.

    Raises:
        NegativeAnswerError: A model or a test failed.
    """
    build = _build_name("batch")
    environ = {
        "ENCORE_LANE": "batch",
        "ENCORE_BUILD": build,
        "ENCORE_PUBLISH": "no",
        "ENCORE_UPTO": str(newest_batch(home)),
    }
    if accept_rejects:
        environ["ENCORE_ACCEPT_REJECTS"] = "yes"
    options = ["--full-refresh"] if forgotten.read(home).pending else []
    if not unit_tests:
        options += ["--exclude-resource-type", "unit_test"]
    _child(["build", *options], home, lock, environ, on_event)
    return build


def publish(home: Home, build: str, dbt: Dbt | None = None) -> Release:
    """Publishes an unpublished build with fresh speed layers, and its artifacts with it.

    Args:
        home: The installation.
        build: Schema of the build.
        dbt: How dbt is run, by default in a child process.

    Raises:
        NegativeAnswerError: A speed layer failed, or another run published meanwhile.
    """
    with speed_lock(home, "publishing a batch") as lock:
        with Warehouse(home) as warehouse:
            holds = warehouse.query(f"select max(upto) as upto from {build}.receipt")
        if newest_batch(home) > holds.to_pylist()[0]["upto"]:
            _speed(home, "minute", lock, dbt or _child, adopt=build)
        else:
            operation = ["run-operation", "adopt", "--args", f"{{build: {build}}}"]
            (dbt or _child)(operation, home, lock, {"ENCORE_LANE": "batch"})
        return follow(home)


def run_speed(home: Home, lane: Speed, dbt: Dbt | None = None) -> SpeedReport:
    """Publishes what has landed since the last run of any layer.

    Args:
        home: The installation.
        lane: `minute`, or `hourly`, which also compacts what minute runs left.
        dbt: How dbt is run, by default in a child process.

    Raises:
        NegativeAnswerError: SQL was edited since the batch, or a model failed.
        EncoreError: Nothing is published yet, or the server does not run.
    """
    begun = time.monotonic()
    with speed_lock(home, f"encore run {lane}") as lock:
        with Warehouse(home) as warehouse:
            before = after = releases.current(warehouse, home)
        reached = before.hourly if lane == "hourly" else before.upto
        # What a killed run left half done is mended by the next, whatever arrived.
        nothing_new = newest_batch(home) <= reached and not lock.taken_over
        if not nothing_new:
            _speed(home, lane, lock, dbt or _child)
            after = follow(home)
        elif deltas.are_behind(before, home):
            # A run that was killed after it had published the marts.
            follow(home)
    return SpeedReport(
        lane=lane,
        release=after.release_id,
        nothing_new=nothing_new,
        batch=after.batch,
        upto=after.upto,
        seconds=round(time.monotonic() - begun, 1),
    )


def rollback(home: Home, release_id: str, dbt: Dbt | None = None) -> Release:
    """Publishes a kept release again, its artifacts with it.

    Args:
        home: The installation.
        release_id: Of a kept release.
        dbt: How dbt is run, by default in a child process.

    Raises:
        NegativeAnswerError: The release is not kept.
    """
    with speed_lock(home, "encore rollback") as lock:
        with Warehouse(home) as warehouse:
            releases.require_kept(warehouse, release_id)
        operation = ["run-operation", "rollback", "--args", f"{{to: {release_id}}}"]
        (dbt or _child)(operation, home, lock, {"ENCORE_LANE": "batch"})
        return follow(home)


def keep_current(home: Home) -> Release:
    """Gives up all that is kept but the published release: marts, tails and artifacts."""
    with speed_lock(home, "giving up older releases") as lock:
        _child(["run-operation", "keep_current"], home, lock, {"ENCORE_LANE": "batch"})
        release = follow(home)
        artifacts.keep_current(home)
    return release


def follow(home: Home) -> Release:
    """Points the artifacts at those of the published marts, completed by deltas.

    Runs under the speed lock; returns the published release.
    """
    declared = artifacts.declared()
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        kept = releases.builds_of_kept(warehouse) if home.target == "prod" else []
        artifacts.follow(
            declared,
            home,
            version_of(release.builds),
            list(map(version_of, kept)),
            lambda base: deltas.complete(base, declared, release, warehouse, home),
        )
    return release


def unsound_artifacts(home: Home, release: Release) -> list[str]:
    """What is wrong with the artifacts of a release, each by name; hashes every file."""
    return [
        f"{status.artifact.name}: {problem}"
        for status in artifacts.check(artifacts.declared(), home, version_of(release.builds))
        for problem in status.problems
    ]


def version_of(builds: Mapping[str, str]) -> artifacts.VersionOf:
    """The build of the model that an artifact is made from; empty if it is not there."""

    def version(artifact: Artifact) -> str:
        return builds.get(artifact.model, "")

    return version


def _speed(home: Home, lane: Speed, lock: BuildLock, dbt: Dbt, adopt: str = "") -> None:
    environ = {
        "ENCORE_LANE": lane,
        "ENCORE_BUILD": _build_name(lane),
        "ENCORE_ADOPT": adopt,
        "ENCORE_UPTO": str(newest_batch(home)),
        # A batch may run beside it; each has its own parse cache.
        "DBT_TARGET_PATH": str(target_folder() / "speed"),
    }
    dbt(["build", "--selector", lane], home, lock, environ)


def _build_name(lane: str) -> str:
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
    return f"encore_build_{lane}_{stamp}_{secrets.token_hex(3)}"


def _ignore(_event: NodeEvent) -> None:
    """Speed runs are short: no progress is shown."""


def _child(
    args: list[str],
    home: Home,
    lock: BuildLock,
    environ: Mapping[str, str],
    on_event: Callable[[NodeEvent], None] = _ignore,
) -> None:
    begun = time.time()
    result = run_dbt_with_events(args, home, on_event, lock=lock, environ=environ)
    target = Path(environ.get("DBT_TARGET_PATH", target_folder()))
    run_history.record(home, target, environ.get("ENCORE_LANE", "all"), begun)
    if result.exit_code == INTERRUPTED:
        raise KeyboardInterrupt
    if result.exit_code and not server.is_running(home):
        raise EncoreError(
            "The server ended in the middle of the run. What is published stays as it was.",
            "Run `encore server logs`, then `encore server start`, and the command again.",
        )
    if result.exit_code:
        error = failed(args, result.failures)
        failing_rows.show(home, target, begun)
        raise error


def failed(args: list[str], failures: Sequence[Failure]) -> NegativeAnswerError:
    """Shows what failed in a run of dbt; returns the error to raise."""
    for failure in failures:
        err.print(f"✗ {failure.node}", style="red")
        err.print(failure.message)
    return NegativeAnswerError(
        f"dbt {args[0]} failed: {len(failures)} problem(s), shown above. "
        "What is published stays as it was.",
        next((failure.hint for failure in failures if failure.hint), "")
        or "Mend the model or the data and run the command again; "
        "`encore dbt build -s MODEL+` runs one part.",
    )
