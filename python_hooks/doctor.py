"""Looks an installation over: what is wrong with it, and how to mend each thing."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import psutil
from rich.table import Column, Table

from python_hooks import artifacts, java, layers, marts, releases, server
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.lock import speed_lock
from python_hooks.server_doors import check_ports_free
from python_hooks.server_settings import driver_memory
from python_hooks.warehouse import Warehouse

_MIB = 1024 * 1024
# Below this a build may end in the middle of writing a table.
_LEAST_DISK_MIB = 1024
_PINNED = ("dbt-core", "dbt-spark", "pyspark", "pyarrow", "faiss-cpu", "rbloom", "tantivy")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        fine: Whether nothing has to be done.
        what: What was found, with the values.
        fix: What mends it; empty where it is fine.
        mended: Whether it was mended just now.
    """

    check: str
    fine: bool
    what: str
    fix: str = ""
    mended: bool = False


def examine(home: Home, *, fix: bool = False) -> list[Finding]:
    """Makes all checks, in the order in which things depend on each other.

    Args:
        home: The installation.
        fix: Mend what can be mended without losing anything: start the server, point
            the artifacts at the published marts.
    """
    checks: list[tuple[str, Callable[[Home], Iterator[Finding]]]] = [
        ("java", _java),
        ("versions", _versions),
        ("disk", _disk),
        ("state folder", _state_folder),
        ("server", _server),
    ]
    if fix and not server.is_running(home):
        checks.insert(4, ("server", _started))
    found = [finding for check in checks for finding in _made(*check, home)]
    if server.is_running(home):
        if fix:
            found += _made("artifacts", _followed, home)
        for name, look in (
            ("publication", _publication),
            ("accounts", _accounts),
            ("artifacts", _artifacts),
        ):
            found += _made(name, look, home)
    return found


def as_table(findings: list[Finding]) -> Table:
    """The findings for the terminal."""
    table = Table("", "check", Column("found", overflow="fold"), "fix")
    for finding in findings:
        sign = "[green]✓[/green]" if finding.fine else "[red]✗[/red]"
        table.add_row(sign, finding.check, finding.what, finding.fix)
    return table


def _made(name: str, look: Callable[[Home], Iterator[Finding]], home: Home) -> list[Finding]:
    try:
        return list(look(home))
    except EncoreError as error:
        return [Finding(name, False, error.message, error.hint)]


def _java(_home: Home) -> Iterator[Finding]:
    found = java.find_java()
    yield Finding("java", True, f"{found}, Java {java.java_version(found)}")


def _versions(_home: Home) -> Iterator[Finding]:
    lock = (PROJECT / "requirements.lock").read_text()
    # `dbt-spark[pyhive]==1.11.0 \\`
    locked = dict(re.findall(r"^([\w-]+)(?:\[[\w,-]+\])?==([\w.]+)", lock, re.MULTILINE))
    wrong = [
        f"{name} is {there}, locked is {locked.get(name)}"
        for name in _PINNED
        if (there := _version(name)) != locked.get(name)
    ]
    if wrong:
        yield Finding("versions", False, "; ".join(wrong), "Run `make build`.")
    else:
        yield Finding("versions", True, f"{len(_PINNED)} libraries as locked")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _disk(home: Home) -> Iterator[Finding]:
    there = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(there).free // _MIB
    yield Finding(
        "disk",
        free >= _LEAST_DISK_MIB,
        f"{free:,} MiB are free for {home.root}",
        ""
        if free >= _LEAST_DISK_MIB
        else f"Free {_LEAST_DISK_MIB:,} MiB, or move ENCORE_HOME.",
    )


def _state_folder(home: Home) -> Iterator[Finding]:
    token = home.run / "connect.token"
    if token.exists() and token.stat().st_mode & 0o077:
        yield Finding(
            "state folder", False, f"{token} can be read by others", f"chmod 600 {token}"
        )
    for lock in ("build", "speed"):
        if holder := _holder(home, lock):
            alive = psutil.pid_exists(holder["pid"])
            what = f"{holder['purpose']} (pid {holder['pid']}) since {holder['since']}"
            yield Finding(
                "state folder",
                alive,
                f"the {lock} lock: {what}{'' if alive else ' was killed'}",
                "" if alive else "The next run mends what it left: `encore run minute`.",
            )
    if not home.landing.exists():
        yield Finding(
            "state folder", False, f"nothing is landed in {home.root}", "make build"
        )


def _holder(home: Home, lock: str) -> dict[str, Any] | None:
    path = home.run / f"{lock}.lock"
    try:
        holder: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        # Given back; or taken at this moment, and not yet described.
        return None
    return holder


def _server(home: Home) -> Iterator[Finding]:
    status = server.status(home)
    if status.running:
        fix = "" if status.answers else "encore server stop; encore server start"
        yield Finding(
            "server",
            status.answers,
            f"{status.note} Heap {status.heap}, pid {status.pid}",
            fix,
        )
        return
    heap = driver_memory(home)
    check_ports_free(home)
    yield Finding(
        "server",
        False,
        f"{status.note} A heap of {heap} and both ports would be there",
        "encore server start",
    )


def _started(home: Home) -> Iterator[Finding]:
    yield Finding("server", True, server.start(home).note, mended=True)


def _publication(home: Home) -> Iterator[Finding]:
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        schema = releases.schema()
        kept = {
            build for each in releases.builds_of_kept(warehouse) for build in each.values()
        }
        # Minute runs leave the public views of intermediate models on older builds.
        views = warehouse.query(f"show table extended in {schema} like '*'")["information"]
        kept |= set(
            re.findall(r"View Text: select \* from ([^.\s]+)", " ".join(views.to_pylist()))
        )
        schemas = warehouse.query(f"show schemas like '{schema}_*'")["namespace"].to_pylist()
    yield Finding("publication", True, f"release {release.release_id}")
    if f"{schema}_lock" in schemas:
        yield Finding(
            "publication",
            False,
            f"the schema {schema}_lock is there: a run publishes, or was killed in it",
            "The next run takes it over after a minute: `encore run minute`.",
        )
    orphans = [name for name in schemas if "_build_" in name and name not in kept]
    builder = _holder(home, "build")
    if orphans and not (builder and psutil.pid_exists(builder["pid"])):
        yield Finding(
            "publication",
            False,
            f"no kept release names {', '.join(sorted(orphans))}, and no build runs",
            "The next run of its lane drops it: `encore run batch`.",
        )


def _accounts(home: Home) -> Iterator[Finding]:
    with Warehouse(home) as warehouse:
        accounts = releases.current(warehouse, home).relation("fct_landing_accounts")
        sums = warehouse.query(
            "select coalesce(sum(rows_landed), 0) as landed, coalesce(sum(rows_accepted + "
            "rows_duplicate + rows_superseded + rows_rejected + rows_unreadable), 0) as "
            f"told, coalesce(sum(rows_rejected), 0) as rejected from {accounts}"
        ).to_pylist()[0]
    fine = sums["landed"] == sums["told"]
    yield Finding(
        "accounts",
        fine,
        f"{sums['landed']:,} rows landed, {sums['told']:,} accounted for, "
        f"{sums['rejected']:,} of them rejected",
        "" if fine else "encore dbt build -s +fct_landing_accounts",
    )


def _artifacts(home: Home) -> Iterator[Finding]:
    marts.relations()
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
    declared = artifacts.declared()
    problems = [
        f"{status.artifact.name}: {problem}"
        for status in artifacts.check(declared, home, layers.version_of(release.builds))
        for problem in status.problems
    ]
    if problems:
        yield Finding("artifacts", False, "; ".join(problems), "encore artifacts build")
    else:
        yield Finding("artifacts", True, f"{len(declared)} as their receipts say")


def _followed(home: Home) -> Iterator[Finding]:
    with speed_lock(home, "encore doctor"):
        release = layers.follow(home)
    yield Finding("artifacts", True, f"follow release {release.release_id}", mended=True)
