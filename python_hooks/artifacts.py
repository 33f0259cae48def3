"""Builds, checks and opens the declared artifacts; all are released together."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from python_hooks import console, receipt, release_note
from python_hooks.artifact_builders import BUILDERS, Read, VersionOf, declared, declared_as
from python_hooks.artifact_checks import Status, check, overview
from python_hooks.artifact_opening import (
    open_filter,
    open_index,
    open_search,
    open_tables,
    open_weights,
)
from python_hooks.artifact_releases import (
    building_folder,
    current_release,
    keep_current,
    point_to,
    store_release,
    stored_releases,
)
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError, NegativeAnswerError
from python_hooks.home import Home
from python_hooks.receipt import Receipt
from python_hooks.release_note import Note

__all__ = [
    "Status",
    "VersionOf",
    "build",
    "check",
    "declared",
    "declared_as",
    "follow",
    "keep_current",
    "open_filter",
    "open_index",
    "open_search",
    "open_tables",
    "open_weights",
    "overview",
]

_BUILD = "Run `encore artifacts build`."


def build(
    artifacts: Sequence[Artifact],
    home: Home,
    read: Read,
    version_of: VersionOf,
    names: Collection[str] | None = None,
) -> list[Receipt]:
    """Builds artifacts and stores them together, all or none; `follow` releases them.

    Args:
        artifacts: All declared artifacts; what is not among them leaves the release.
        home: The installation.
        read: Reads columns of a model.
        version_of: The build of the model that an artifact is made from.
        names: The artifacts to build, by default all; the others stay as they are.

    Returns:
        The receipts of what was built, in the order of `artifacts`.

    Raises:
        NegativeAnswerError: An artifact is worse than its `min_quality`.
        EncoreError: A name is unknown, another build runs, the mart is not what it
            was declared to be, or the artifacts cannot be written.
    """
    known = [artifact.name for artifact in artifacts]
    if unknown := sorted(set(names or ()) - set(known)):
        raise EncoreError(
            f"No artifact is called {', '.join(unknown)}; known are {', '.join(known)}.",
            "List them with `encore artifacts list`.",
        )
    with building_folder(home) as folder, _progress() as say:
        receipts = []
        for artifact in artifacts:
            if names is None or artifact.name in names:
                receipts.append(_build(artifact, folder, read, version_of(artifact), say))
            else:
                _keep(artifact, folder, current_release(home))
        if receipts:
            release_note.write(Note(), folder, [artifact.path for artifact in artifacts])
            store_release(folder, home)
    return receipts


def follow(
    artifacts: Sequence[Artifact],
    home: Home,
    version_of: VersionOf,
    kept: Sequence[VersionOf] = (),
    complete: Callable[[Path], Path] = Path,
) -> bool:
    """Releases the newest stored artifacts that were made from these marts.

    Args:
        artifacts: All declared artifacts.
        home: The installation.
        version_of: The published build of the model that an artifact is made from.
        kept: The same of releases that one may go back to: their artifacts stay.
        complete: Adds to the artifacts what the release has beyond the batch; returns
            the stored folder to release.

    Returns:
        Whether there were any; if not, what was released before stays.
    """
    stored = stored_releases(home)
    found = [_made_from(artifacts, stored, wanted) for wanted in (version_of, *kept)]
    if found[0] is None:
        return False
    # Artifacts that are released for the first time are the newest there are. Others are
    # completed while a batch may run that has stored some, and not yet published them.
    newest = not release_note.read(found[0]).release
    release = complete(found[0])
    point_to(release, home, [path for path in found if path], sweep=newest)
    return True


def _made_from(
    artifacts: Sequence[Artifact], stored: Sequence[Path], version_of: VersionOf
) -> Path | None:
    for folder in stored:
        versions = [_recorded_version(folder, artifact) for artifact in artifacts]
        if versions == [version_of(artifact) for artifact in artifacts]:
            return folder
    return None


def _recorded_version(folder: Path, artifact: Artifact) -> str | None:
    try:
        note = release_note.read(folder)
        if artifact.path not in note.receipts:
            return None
        return release_note.vouched(note, folder, artifact.path, receipt.read).version
    except DamagedError:
        return None


def _build(
    artifact: Artifact,
    folder: Path,
    read: Read,
    version: str,
    say: Callable[[str], None],
) -> Receipt:
    builder = BUILDERS[artifact.builder]
    say(f"{artifact.name}: reading {artifact.relation}")
    tables = [read(artifact.model, builder.required_columns(artifact))]
    _require_key(tables[0], artifact)
    if artifact.reference:
        tables.append(read(artifact.reference, builder.REFERENCE))
    say(f"{artifact.name}: building and measuring, {tables[0].num_rows} rows")
    built = builder.build(*tables, artifact)
    if found := receipt.shortfalls(artifact, built.quality, builder.BOUNDS):
        raise NegativeAnswerError(
            f"Artifact {artifact.name}: {'; '.join(found)}. Nothing was released.",
            "Change its params or min_quality in the exposure, then run "
            "`encore dbt build` and `encore artifacts build`.",
        )
    path = folder / artifact.path
    path.parent.mkdir(parents=True, exist_ok=True)
    files = builder.save(built, path)
    result = dataclasses.replace(
        receipt.of_built(artifact, built, path, files, builder.LIBRARIES), version=version
    )
    receipt.write(result, path)
    return result


def _require_key(table: pa.Table, artifact: Artifact) -> None:
    """Refuses a mart whose key columns are no strings, have nulls or repeat."""

    def wrong(what: str) -> EncoreError:
        return EncoreError(
            f"Artifact {artifact.name}: {artifact.relation} {what}.",
            f"Mend model {artifact.model}, then run `encore dbt build`.",
        )

    for column in artifact.key:
        kind = table.schema.field(column).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise wrong(f"has key column {column} of type {kind}, not string")
        if table[column].null_count:
            example = table.filter(pc.field(column).is_null()).slice(0, 1).to_pylist()
            raise wrong(
                f"has {table[column].null_count} rows without {column}, "
                f"for example {example[0]}"
            )
    counted = table.group_by(list(artifact.key)).aggregate([([], "count_all")])
    repeated = counted.filter(pc.field("count_all") > 1)
    if repeated.num_rows:
        examples = repeated.sort_by(artifact.key[0]).slice(0, 3).to_pylist()
        raise wrong(f"has {repeated.num_rows} keys more than once, such as {examples}")


def _keep(artifact: Artifact, folder: Path, current: Path) -> None:
    """Links an artifact of the current release into the next one."""
    path = current / artifact.path
    try:
        note = release_note.read(current)
        if artifact.path not in note.receipts:
            return
        recorded = release_note.vouched(note, current, artifact.path, receipt.verify)
    except DamagedError as error:
        console.err.print(f"{artifact.name} is left out. {error.message}")
        return
    target = folder / artifact.path
    target.parent.mkdir(parents=True, exist_ok=True)
    for name in (*recorded.files, receipt.receipt_path(path).name):
        link = target.parent / name
        link.parent.mkdir(exist_ok=True)
        link.hardlink_to(path.parent / name)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console.err, transient=True) as progress:
        task = progress.add_task("")
        yield lambda text: progress.update(task, description=text)
