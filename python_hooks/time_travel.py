"""Looks back: marts as they would have been at a moment, built beside what is published.

dbt runs in a lane of its own (macros/publishing/as_of_facts.sql): it reads the published
log up to the moment, rebuilds the wanted models and what lies between the log and them,
and publishes nothing. Evaluation, the test against leaks and `--as-of` share this one way.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from python_hooks import layers, marts, releases
from python_hooks.console import err
from python_hooks.dbt_command import run_dbt_with_events
from python_hooks.errors import EncoreError
from python_hooks.home import Home, target_folder
from python_hooks.interrupts import INTERRUPTED
from python_hooks.lock import BuildLock, is_held, own_lock
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

# Between the log and the models; what is about arrivals is read as it is published.
_ROOTS = ("int_listens_log", "int_listens_unioned")
_LEFT_OUT = "tag:as_published"


def moment(text: str) -> datetime:
    """Reads a moment in ISO 8601; one without a zone is UTC, as in landed files.

    Raises:
        EncoreError: It is no moment.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise EncoreError(
            f"{text!r} is no moment.", "Write it like 2026-01-31T00:00:00Z or 2026-01-31."
        ) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


@contextmanager
def built(home: Home, as_of: datetime, select: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Builds models from the listens up to a moment; they are gone at the exit.

        with time_travel.built(home, moment("2026-01-31"), ["rec_listener_tracks"]) as then:
            rows = warehouse.read(then["rec_listener_tracks"])

    Listens count that the last batch knows and that were heard at or before the moment,
    whenever they arrived. What has no moment (catalogue, seeds) is as it is published.

    Args:
        home: The installation; something has to be published.
        as_of: The moment, with a zone; popularity and decay look back from it.
        select: Names of models.

    Yields:
        Model name to `schema.table`, of every published model: those that were built, and
        the others as they were published when the run began.

    Raises:
        EncoreError: The moment has no zone, or the server does not run.
        NegativeAnswerError: There is no such model, or one could not be built.
    """
    with released(home, as_of, select) as release:
        yield {model: release.relation(model) for model in release.builds}


@contextmanager
def released(home: Home, as_of: datetime, select: Sequence[str]) -> Iterator[Release]:
    """As `built`, for those who read a release; its id is the moment."""
    stamp = _stamp(as_of)
    known = marts.relations()
    for model in select:
        if model not in known:
            raise marts.unknown(model, known)
    schema = f"{releases.schema()}_as_of_{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    schema += f"_{secrets.token_hex(3)}"
    with own_lock(home, schema, f"looking back to {stamp}") as lock:
        with Warehouse(home) as warehouse:
            collect(home, warehouse)
        try:
            _build(home, stamp, select, schema, lock)
            with Warehouse(home) as warehouse:
                release = _placed(home, warehouse, schema, stamp)
            yield release
        finally:
            with Warehouse(home) as warehouse:
                warehouse.query(f"drop schema if exists {schema} cascade")


@contextmanager
def pinned(
    home: Home, warehouse: Warehouse, as_of: str, select: Sequence[str]
) -> Iterator[Release]:
    """The published release, or where a moment is given what `released` makes of it."""
    if not as_of:
        yield releases.current(warehouse, home)
        return
    with released(home, moment(as_of), select) as release:
        for model in select:
            if not release.builds[model].startswith(f"{releases.schema()}_as_of_"):
                err.print(f"{model} does not depend on when listens were: as published.")
        yield release


def _stamp(as_of: datetime) -> str:
    if as_of.tzinfo is None:
        raise EncoreError(
            f"The moment {as_of} has no time zone.", "Give it one, such as datetime.UTC."
        )
    return as_of.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _build(
    home: Home, stamp: str, select: Sequence[str], schema: str, lock: BuildLock
) -> None:
    # A root is a view that the run makes before the first node; a node there has to be.
    nodes = [*select, "int_listening_span"] if set(select) <= set(_ROOTS) else select
    between = [f"{root}+,+{model}" for model in nodes for root in _ROOTS]
    # Their SQL was tested when the batch was built.
    untested = ("--exclude-resource-type", "test", "unit_test")
    args = ["build", "--select", *between, "--exclude", _LEFT_OUT, *untested]
    environ = {
        "ENCORE_AS_OF": stamp,
        "ENCORE_BUILD": schema,
        # Others may build beside it; each has its own parse cache.
        "DBT_TARGET_PATH": str(target_folder() / "as_of"),
    }
    result = run_dbt_with_events(args, home, lambda _: None, lock=lock, environ=environ)
    if result.exit_code == INTERRUPTED:
        raise KeyboardInterrupt
    if result.exit_code:
        raise layers.failed(args, result.failures)


def _placed(home: Home, warehouse: Warehouse, schema: str, stamp: str) -> Release:
    if not warehouse.query(f"show schemas like '{schema}'").num_rows:
        # Nothing that was selected depends on listens, and dbt has built nothing.
        return releases.current(warehouse, home)
    rows = warehouse.read(f"{schema}.receipt").to_pylist()
    upto = max(row["upto"] for row in rows)
    builds = {row["model"]: row["build"] for row in rows}
    return Release(f"as of {stamp}", builds, batch=upto, hourly=upto, upto=upto)


def collect(home: Home, warehouse: Warehouse) -> None:
    """Drops what killed look backs left, and what dbt built by hand with ENCORE_AS_OF."""
    found = warehouse.query(f"show schemas like '{releases.schema()}_as_of_*'")
    for schema in found.column(0).to_pylist():
        if not is_held(home, schema):
            warehouse.query(f"drop schema if exists {schema} cascade")
            (home.run / f"{schema}.lock").unlink(missing_ok=True)
