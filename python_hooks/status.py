"""What `encore status` tells: watermarks, lag, last runs and sizes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from python_hooks import landing, releases
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse


@dataclass(frozen=True)
class LayerStatus:
    """Where the layers are.

    Attributes:
        release: Id of the release that is published.
        newest: Last landed batch.
        batch: Last batch of the batch layer.
        hourly: Last batch of the hourly layer.
        upto: Last batch that the serving marts have seen.
        lag_batches: Landed batches that they have not seen.
        lag_seconds: Age of the oldest of these; 0 if there is none.
        last_runs: Lane to the id of the last kept release that it published.
        sizes: Bytes of landing, warehouse and artifacts.
    """

    release: str
    newest: int
    batch: int
    hourly: int
    upto: int
    lag_batches: int
    lag_seconds: float
    last_runs: Mapping[str, str]
    sizes: Mapping[str, int]


def look(home: Home) -> LayerStatus:
    """Reads the status; raises EncoreError where nothing is published or no server runs."""
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        kept = releases.kept(warehouse)
    batches = landing.batches(home)
    unseen = [batch for batch in batches if batch.batch_id > release.upto]
    oldest = min((batch.path.stat().st_mtime for batch in unseen), default=time.time())
    return LayerStatus(
        release=release.release_id,
        newest=max((batch.batch_id for batch in batches), default=0),
        batch=release.batch,
        hourly=release.hourly,
        upto=release.upto,
        lag_batches=len(unseen),
        lag_seconds=round(max(0.0, time.time() - oldest), 1) if unseen else 0.0,
        last_runs={each.lane: each.release_id for each in reversed(kept)},
        sizes={
            folder.name: _size(folder)
            for folder in (home.landing, home.warehouse, home.artifacts)
        },
    )


def as_table(status: LayerStatus) -> Table:
    """The status as a table for the terminal."""
    table = Table("what", "value")
    table.add_row("release", status.release)
    table.add_row("batch layer", f"to batch {status.batch}")
    table.add_row("hourly layer", f"to batch {status.hourly}")
    table.add_row("serving marts", f"to batch {status.upto} of {status.newest} landed")
    table.add_row("lag", f"{status.lag_batches} batches, {status.lag_seconds} s")
    for lane, release in status.last_runs.items():
        table.add_row(f"last {lane} run", release)
    for name, size in status.sizes.items():
        table.add_row(name, f"{size / 2**20:,.1f} MiB")
    return table


def _size(folder: Path) -> int:
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
