"""Looks an installation over: what is wrong with it, and how to mend each thing."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata

from rich.table import Table
from rich.text import Text

from python_hooks import forgotten, java, layers, lock, releases, server
from python_hooks.console import folded
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.releases import Release
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
    found = []
    for name, look in (
        ("java", _java),
        ("versions", _versions),
        ("disk", _disk),
        ("state folder", _state_folder),
        ("server", _started if fix and not server.is_running(home) else _server),
    ):
        found += _made(name, partial(look, home))
    if server.is_running(home):
        found += _made("publication", partial(_published, home, fix))
    return found


def as_table(findings: list[Finding]) -> Table:
    """The findings for the terminal."""
    table = Table(*folded("", "check", "found", "fix"))
    for finding in findings:
        sign = Text("✓", "green") if finding.fine else Text("✗", "red")
        table.add_row(sign, finding.check, finding.what, finding.fix)
    return table


def _made(name: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except EncoreError as error:
        return [Finding(name, False, error.message, error.hint)]


def _java(_home: Home) -> Iterator[Finding]:
    found = java.find_java()
    yield Finding("java", True, f"{found}, Java {java.java_version(found)}")


def _versions(_home: Home) -> Iterator[Finding]:
    pinned = (PROJECT / "requirements.lock").read_text()
    # `dbt-spark[pyhive]==1.11.0 \\`
    locked = dict(re.findall(r"^([\w-]+)(?:\[[\w,-]+\])?==([\w.]+)", pinned, re.MULTILINE))
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
    what = f"{free:,} MiB are free for {home.root}"
    if free < _LEAST_DISK_MIB:
        yield Finding(
            "disk", False, what, f"Free {_LEAST_DISK_MIB:,} MiB, or move ENCORE_HOME."
        )
    else:
        yield Finding("disk", True, what)


def _state_folder(home: Home) -> Iterator[Finding]:
    if home.root.exists() and (mode := home.root.stat().st_mode & 0o077):
        yield Finding(
            "state folder",
            False,
            f"others may enter {home.root} (mode {0o700 | mode:o}): it holds who heard what",
            f"chmod 700 {home.root}",
        )
    token = home.run / "connect.token"
    if token.exists() and token.stat().st_mode & 0o077:
        yield Finding(
            "state folder", False, f"{token} can be read by others", f"chmod 600 {token}"
        )
    for name in ("build", "speed"):
        if text := lock.holder(home, name):
            held = lock.is_held(home, name)
            yield Finding(
                "state folder",
                held,
                text if held else f"{text} It was killed.",
                "" if held else "The next run mends what it left: `encore run minute`.",
            )
    if pending := len(forgotten.read(home).pending):
        yield Finding(
            "state folder",
            False,
            f"{pending} listener(s) are not wholly forgotten: a run was stopped or failed",
            "The same `encore forget LISTENER` again; the list does not know the name.",
        )
    if not home.landing.exists():
        yield Finding(
            "state folder", False, f"nothing is landed in {home.root}", "make build"
        )


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


def _published(home: Home, fix: bool) -> Iterator[Finding]:
    if fix:
        with lock.speed_lock(home, "encore doctor"):
            layers.follow(home)
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        yield Finding("publication", True, f"release {release.release_id}")
        # Each by itself: one that cannot be made hides none of the others.
        for name, look in (
            ("publication", partial(_leftovers, home, warehouse)),
            ("accounts", partial(_accounts, warehouse, release)),
            ("artifacts", partial(_artifacts, home, release, fix)),
        ):
            yield from _made(name, look)


def _leftovers(home: Home, warehouse: Warehouse) -> Iterator[Finding]:
    schema = releases.schema()
    kept = {build for each in releases.builds_of_kept(warehouse) for build in each.values()}
    # Minute runs leave the public views of intermediate models on older builds.
    views = warehouse.query(f"show table extended in {schema} like '*'")["information"]
    text = " ".join(views.to_pylist())
    kept |= set(re.findall(r"View Text: select \* from ([^.\s]+)", text))
    schemas = warehouse.query(f"show schemas like '{schema}_*'")["namespace"].to_pylist()
    if f"{schema}_lock" in schemas:
        yield Finding(
            "publication",
            False,
            f"the schema {schema}_lock is there: a run publishes, or was killed in it",
            "The next run takes it over after a minute: `encore run minute`.",
        )
    orphans = [name for name in schemas if "_build_" in name and name not in kept]
    if orphans and not lock.is_held(home, "build"):
        yield Finding(
            "publication",
            False,
            f"no kept release names {', '.join(sorted(orphans))}, and no build runs",
            "The next run of its lane drops it: `encore run batch`.",
        )


def _accounts(warehouse: Warehouse, release: Release) -> Iterator[Finding]:
    sums = warehouse.query(
        "select coalesce(sum(rows_landed), 0) as landed, coalesce(sum(rows_accepted + "
        "rows_duplicate + rows_superseded + rows_rejected + rows_unreadable + "
        "rows_forgotten), 0) as told, "
        "coalesce(sum(rows_rejected), 0) as rejected "
        f"from {release.relation('fct_landing_accounts')}"
    ).to_pylist()[0]
    fine = sums["landed"] == sums["told"]
    yield Finding(
        "accounts",
        fine,
        f"{sums['landed']:,} rows landed, {sums['told']:,} accounted for, "
        f"{sums['rejected']:,} of them rejected",
        "" if fine else "encore dbt build -s +fct_landing_accounts",
    )


def _artifacts(home: Home, release: Release, followed: bool) -> Iterator[Finding]:
    if problems := layers.unsound_artifacts(home, release):
        yield Finding("artifacts", False, "; ".join(problems), "encore artifacts build")
    else:
        yield Finding("artifacts", True, "as their receipts say", mended=followed)
