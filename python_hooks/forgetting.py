"""Forgetting a listener: out of landing, marts, kept releases, artifacts and logs.

The name goes on the list of `forgotten` first, and is settled there last. Every step in
between finds done what was done: a run that was killed is gone on with by running it again,
and until then every batch reads all of landing anew.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from python_hooks import docs_site, forgotten, landing, layers, server, time_travel
from python_hooks.batch import Report, rebuild
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.forgetting_search import Place, mentioning, search, written_beside
from python_hooks.home import Home
from python_hooks.landing_batches import has_listener, rewrite_batch
from python_hooks.lock import build_lock
from python_hooks.warehouse import Warehouse


@dataclass(frozen=True)
class Forgetting:
    """What was done to forget a listener.

    Attributes:
        release: Id of the release that is published now; the only one that is kept.
        rows_emptied: Rows in the landing zone of which only their places are left.
        batches_rewritten: Landed batches that held something of theirs.
        files_searched: Files of the state folder, and of dbt beside it, that were read.
        left: Where something of theirs is still; empty if they are forgotten.
        same_letters: Where the letters of the name stand for something else.
        seconds: Seconds of each step, in order.
    """

    release: str
    rows_emptied: int
    batches_rewritten: int
    files_searched: int
    left: Sequence[Place] = ()
    same_letters: Sequence[Place] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def forget(name: str, home: Home) -> Forgetting:
    """Removes a listener from everything that an installation holds, and keeps them out.

    Args:
        name: The listener, as marts spell them.
        home: The installation; its server is stopped and started meanwhile.

    Returns:
        What was done, and what a search of all files found afterwards.

    Raises:
        NegativeAnswerError: Nobody is called so, or the rebuild failed.
        EncoreError: A step could not run, or a build holds the lock.
    """
    name = forgotten.cleaned(name)
    report = Report()
    if home.target != "prod":
        raise EncoreError(
            f"ENCORE_TARGET={home.target} publishes nothing, and all that is published "
            "would keep the listener.",
            "Unset ENCORE_TARGET.",
        )
    # The name is in no lock: what a killed run leaves there would be a trace of it.
    with build_lock(home, "encore forget") as lock:
        with report.step("landing"), _writing(home):
            rewritten = _empty_landing(name, home)
        shutil.rmtree(home.root / "sample", ignore_errors=True)
        with report.step("server"):
            server.start(home)
        rebuild(home, lock, report, accept_rejects=True)
        with report.step("older releases"):
            with Warehouse(home) as warehouse:
                time_travel.collect(home, warehouse)
            release = layers.keep_current(home)
        if docs_site.INDEX.exists():
            with report.step("docs"):
                docs_site.write(home, lock)
        with report.step("logs"):
            server.stop(home)
            _remove_traces(name, home)
        with report.step("search"):
            found = search(name, home)
        with report.step("start"):
            server.start(home)
        if not found.left:
            with landing.lock(home):
                forgotten.settle(home, name)
    emptied = sum(int(batch.facts().get("forgotten", "0")) for batch in landing.batches(home))
    return Forgetting(
        release.release_id,
        emptied,
        rewritten,
        found.files,
        found.left,
        found.same_letters,
        report.seconds,
    )


@contextmanager
def _writing(home: Home) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EncoreError(
            f"Cannot write {error.filename or home.landing}: {error.strerror or error}.",
            "Check space and permissions there (ENCORE_HOME), then run the same again.",
        ) from error


def _empty_landing(name: str, home: Home) -> int:
    """Empties all batches of the listener; returns how many had to be written anew."""
    with landing.lock(home):
        there = landing.batches(home)
        known = forgotten.read(home)
        if not known.knows(name) and not any(has_listener(batch, name) for batch in there):
            raise NegativeAnswerError(
                f"No landed row is of a listener {name!r}.",
                "`encore show fct_listener_rfm` lists them; capitals and accents count.",
            )
        listed = forgotten.add(home, name)
        for leftover in home.landing.glob("*/chunk=*/_batch-*"):
            leftover.unlink()
        return sum(rewrite_batch(batch, listed) for batch in there)


def _remove_traces(name: str, home: Home) -> None:
    """Removes scratch files of the server, and logs and results that mention the name."""
    shutil.rmtree(home.run / "tmp", ignore_errors=True)
    for path in (*_files(home.logs), *written_beside()):
        if mentioning(path, name):
            path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
