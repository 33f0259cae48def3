"""What a speed run adds to the artifacts: small files beside those of the batch.

A delta holds the finished rows of the feature marts for every key that was heard of
since the batch, and a Bloom filter of the pairs heard since. Its rows replace those of
the batch when they are read. They are not partial sums to add to them: a share or a mean
is no sum, a listener's tracks are a set, and a row may be put in place twice, or over a
batch that has seen it already, and still be right (docs/features.md).
"""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from python_hooks import artifact_releases, bloom_filter, feature_store, receipt, release_note
from python_hooks.artifact_builders import BUILDERS
from python_hooks.artifact_releases import current_release, delta_path
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError
from python_hooks.home import Home
from python_hooks.receipt import Built
from python_hooks.release_note import Note
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

# A filter over another mart stands still between batches: what it holds is not known here.
_HEARD = ("int_listener_recordings", "fct_listener_track_rfm")
_TAIL, _RECORDINGS = "int_listens_tail", "int_track_recordings"
# Up to this many keys are written into the query, where Spark skips files by them.
_MOST_LITERALS = 2_000
# How the delta of a kind of artifact is made: from keys, or from rows of its mart.
_BUILD: dict[str, Callable[[pa.Table, Artifact], Built[Any]]] = {
    "bloom_filter": bloom_filter.build_delta,
    "feature_store": feature_store.build,
}


def are_behind(release: Release, home: Home) -> bool:
    """Whether the artifacts that are read are of another release of the marts, or of none."""
    current = current_release(home)
    try:
        return current.exists() and release_note.read(current).release != release.release_id
    except DamagedError:
        return True


def complete(
    base: Path,
    artifacts: Sequence[Artifact],
    release: Release,
    warehouse: Warehouse,
    home: Home,
) -> Path:
    """Stores the artifacts of a batch with the deltas of a release over it.

    Args:
        base: The stored folder of the batch's artifacts, with or without old deltas.
        artifacts: All declared artifacts.
        release: The published release; its marts are read.
        warehouse: An open session.
        home: The installation, under whose speed lock this runs.

    Returns:
        The stored folder to release; `base` itself where it is of that release already.

    Raises:
        EncoreError: The marts cannot be read, or the base's note cannot.
    """
    if release_note.read(base).release == release.release_id:
        return base
    with_delta = [
        artifact
        for artifact in artifacts
        if has_delta(artifact) and release.upto > release.batch
    ]
    tables = _heard_since(with_delta, release, warehouse) if with_delta else []

    def add(folder: Path) -> None:
        for artifact, table in zip(with_delta, tables, strict=True):
            _write(artifact, table, release, delta_path(folder / artifact.path))

    note = Note(release.release_id, release.batch, release.upto)
    return artifact_releases.complete(base, note, home, add)


def has_delta(artifact: Artifact) -> bool:
    """Whether speed runs add to the artifact; the others stand still until the next batch."""
    filters_others = artifact.builder == "bloom_filter" and artifact.model not in _HEARD
    return artifact.builder in _BUILD and not filters_others


def _heard_since(
    artifacts: Sequence[Artifact], release: Release, warehouse: Warehouse
) -> list[pa.Table]:
    """Per artifact the keys heard of since the batch, or the rows of its mart for them."""
    pairs = warehouse.query(
        f"with heard as (select distinct listener_id, track_id {_since(release)}) "
        "select heard.*, coalesce(recordings.recording_id, heard.track_id) as recording_id "
        f"from heard left join {release.relation(_RECORDINGS)} as recordings "
        "on heard.track_id = recordings.track_id"
    )

    def read(artifact: Artifact) -> pa.Table:
        if artifact.builder == "feature_store":
            return warehouse.query(_rows(artifact, release, pairs))
        return pairs.select(list(artifact.key))

    # A query is mostly planning and waiting for small tasks.
    with ThreadPoolExecutor(max_workers=4) as pool:
        try:
            return list(pool.map(read, artifacts))
        except KeyboardInterrupt:
            # Else the pool waits for its queries.
            warehouse.interrupt()
            raise


def _since(release: Release) -> str:
    return (
        f"from {release.relation(_TAIL)} "
        f"where batch_id > {release.batch} and batch_id <= {release.upto}"
    )


def _rows(artifact: Artifact, release: Release, pairs: pa.Table) -> str:
    """SQL of the mart's rows of all keys that occur among the pairs."""
    keys, mart = ", ".join(artifact.key), release.relation(artifact.params["mart"])
    few = []
    for column in artifact.key:
        values = pc.unique(pairs[column]).to_pylist()
        if len(values) <= _MOST_LITERALS:
            few.append(f"mart.{column} in ({', '.join(map(literal, values))})")
    return (
        f"select {', '.join(f'mart.{column}' for column in artifact.columns)} "
        f"from {mart} as mart "
        f"left semi join (select distinct {keys} {_since(release)}) as heard on "
        + " and ".join(f"mart.{column} = heard.{column}" for column in artifact.key)
        + (f" where {' and '.join(few)}" if few else "")
    )


def _write(artifact: Artifact, table: pa.Table, release: Release, path: Path) -> None:
    builder = BUILDERS[artifact.builder]
    built = _BUILD[artifact.builder](table, artifact)
    files = builder.save(built, path)
    model = artifact.params.get("mart", _TAIL)
    recorded = dataclasses.replace(
        receipt.of_built(artifact, built, path, files),
        relation=release.relation(model),
        version=release.release_id,
    )
    receipt.write(recorded, path)
