"""Landing: files of listening history become numbered, immutable batches.

Each file becomes one Parquet batch of strings in
`landing/<source>.<table>/chunk=<batch_id // 1000>/`. A batch appears whole, by one
rename, or not at all, and in the order of its number: readers that read up to a
batch never miss one that comes later.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from python_hooks import console
from python_hooks.csv_text import Advance
from python_hooks.errors import EncoreError, NoSourceError, quoted
from python_hooks.forgotten import LISTENER
from python_hooks.home import PROJECT, Home
from python_hooks.landing_archives import File, unpacked
from python_hooks.landing_batches import write_batch
from python_hooks.landing_files import Read, Recognised, read_once, recognise
from python_hooks.landing_paths import find_files
from python_hooks.landing_report import Bar, LandedFile, as_dicts, as_table, note_left_out
from python_hooks.landing_zone import (
    Batch,
    Origin,
    batches,
    is_empty,
    landed_origin,
    last_batch_id,
    lock,
    require_origin,
)
from python_hooks.shapes import load_shapes

__all__ = [
    "Batch",
    "LandedFile",
    "as_dicts",
    "as_table",
    "batches",
    "is_empty",
    "land",
    "landed_origin",
    "lock",
]

T = TypeVar("T")
R = TypeVar("R")


def land(
    paths: Iterable[str | Path],
    home: Home,
    *,
    source: str | None = None,
    listener: str | None = None,
    origin: Origin = "own",
) -> list[LandedFile]:
    """Lands files, each as one batch, in the order of their paths.

    Every file is read to its end once before anything is written, so that one alien
    or damaged file refuses them all.

    Args:
        paths: Files, folders (their CSV, JSON and zip files, at any depth), patterns.
            JSON files that fit no source are left out where a folder or an archive has
            them: exports hold much that is no listening.
        home: The installation.
        source: The table to land in, where a header fits several.
        listener: The listener of files that have no such column.
        origin: Whether the data is the user's own or the sample; they never mix.

    Raises:
        EncoreError: A file cannot be landed, or the zone holds data of other origin.
    """
    if listener is not None and not listener.strip():
        raise EncoreError("The listener's name is empty.", "Give a name, or leave it out.")
    shapes = load_shapes(PROJECT / "models")
    named = list(paths)
    found = find_files(named)
    require_origin(home, batches(home), origin)
    with unpacked(found, named, home) as there:
        files = _recognised(there, lambda file: recognise(file, shapes, source, listener))
        if listener is not None:
            _note_listener(files)
        return _land_files(files, home, origin, listener)


def _land_files(
    files: Sequence[Recognised], home: Home, origin: Origin, listener: str | None
) -> list[LandedFile]:
    with Bar(2 * sum(file.path.stat().st_size for file in files)) as bar:
        read = _each(files, lambda file: read_once(file, bar.advance))
        try:
            with lock(home):
                landed = _land_all(read, home, origin, bar.advance)
        except OSError as error:
            where, why = error.filename or home.landing, error.strerror or error
            raise EncoreError(
                f"Cannot write {where}: {why}.",
                "Check space and permissions there (ENCORE_HOME), then land again: what "
                "was landed before is skipped.",
            ) from error
    for file, what in zip(files, landed, strict=True):
        if not what.already_landed:
            _note_landed(file, what, listener)
    return landed


def _land_all(
    files: Sequence[Read], home: Home, origin: Origin, advance: Advance
) -> list[LandedFile]:
    for leftover in home.landing.glob("*/chunk=*/_batch-*"):
        leftover.unlink()
    there = batches(home)
    require_origin(home, there, origin)
    known = {(batch.source, batch.digest): batch for batch in there}
    last_id = last_batch_id(home, there)
    landed: list[LandedFile] = []
    for read in files:
        began = time.monotonic()
        key = (read.file.match.shape.name, read.digest)
        already_landed = key in known
        if already_landed:
            advance(read.stamp[0])
        else:
            last_id += 1
            try:
                known[key] = write_batch(read, home, last_id, origin, advance)
            except EncoreError as error:
                done = f" {len(landed)} files before it are landed." if landed else ""
                raise EncoreError(error.message + done, error.hint) from error
        facts = known[key].facts()
        landed.append(
            LandedFile(
                path=read.file.source_file,
                source_file=read.file.source_file,
                source=key[0],
                batch_id=known[key].batch_id,
                rows=int(facts["rows"]),
                unreadable=int(facts["unreadable"]),
                forgotten=int(facts.get("forgotten", "0")),
                already_landed=already_landed,
                extra_columns=read.file.match.extra,
                seconds=time.monotonic() - began,
            )
        )
    return landed


def _recognised(
    files: Sequence[File], recognised: Callable[[File], Recognised]
) -> list[Recognised]:
    """The files of listens or tracks; others are left out or refused, see `land`."""
    left_out: list[str] = []

    def one(file: File) -> list[Recognised]:
        try:
            return [recognised(file)]
        except NoSourceError:
            if file.is_named or file.name.lower().endswith((".csv", ".csv.gz")):
                raise
            left_out.append(file.name)
            return []

    found = list(itertools.chain.from_iterable(_each(files, one)))
    if left_out and not found:
        raise NoSourceError(
            f"None of {len(left_out)} files holds listens or tracks: "
            f"{quoted([Path(name).name for name in left_out])}.",
            "`encore land` one of them alone says what it lacks.",
        )
    if left_out:
        note_left_out(left_out)
    return found


def _each(items: Sequence[T], prepare: Callable[[T], R]) -> list[R]:
    """Prepares every item; raises what went wrong with any of them as one error."""
    done: list[R] = []
    errors: list[EncoreError] = []
    for item in items:
        try:
            done.append(prepare(item))
        except EncoreError as error:
            errors.append(error)
    if not errors:
        return done
    if len(items) == 1:
        raise errors[0]
    messages = "\n".join(f"  {error.message}" for error in errors)
    hints = dict.fromkeys(error.hint for error in errors)
    raise EncoreError(
        f"{len(errors)} of {len(items)} files cannot be landed; nothing was landed.\n"
        + messages,
        " ".join(filter(None, hints)),
    )


def _note_landed(file: Recognised, landed: LandedFile, listener: str | None) -> None:
    """Says what nobody would look for: no row at all, listens whose listener is assumed."""
    note = ""
    if not landed.rows:
        note = f"{file.source_file} has a header and no rows."
    elif landed.forgotten:
        note = (
            f"{landed.forgotten:,} rows of {landed.source_file} are of a forgotten listener: "
            "of them only their places are kept."
        )
    elif LISTENER in file.defaults and listener is None:
        note = (
            f"{file.source_file} has no column {LISTENER}: its listens are taken for those "
            f"of {file.defaults[LISTENER]!r}. --listener says whose they are."
        )
    if note:
        console.err.print(note)


def _note_listener(files: Sequence[Recognised]) -> None:
    own = [file.source_file for file in files if LISTENER in file.match.assigned]
    if own:
        note = f"--listener is not used for files that name listeners: {', '.join(own)}"
        console.err.print(note)
