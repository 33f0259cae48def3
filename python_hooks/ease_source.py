"""EASE as a source of the blend: what item weights propose to a listener.

The artifact `track_item_weights` says which tracks speak for which (`item_weights`). A
track's amount is the sum of the weights of all that the listener heard and that counts; what
they heard, skips too, is not proposed, nor what has no amount above 0. SQL has no part in it:
everybody's scores would be a product of the listeners and of all tracks. The row `ease` of
the seeds has its weights, and how many candidates it may propose.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from python_hooks import item_weights
from python_hooks.artifact_builders import declared_as
from python_hooks.item_weights import ItemWeights
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

SOURCE = "ease"
MODEL = "fct_track_pairs"
# What a listener heard is read from it: `listener_id`, `recording_id`, `listen_count`.
HEARD = "int_listener_recordings"
HEARD_COLUMNS = ("listener_id", "recording_id", "listen_count")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("listener_id", "track_id", "source")),
        ("strength", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Heard:
    """What a listener has heard.

    Attributes:
        counted: Recordings with a listen that counts.
        all: Those, and what was only skipped.
    """

    counted: frozenset[str]
    all: frozenset[str]

    @staticmethod
    def of(rows: pa.Table) -> "Heard":
        """Takes rows of `HEARD` of one listener."""
        counted = rows.filter(pc.greater(rows["listen_count"], 0))
        return Heard(
            frozenset(counted["recording_id"].to_pylist()),
            frozenset(rows["recording_id"].to_pylist()),
        )


@dataclass(frozen=True)
class Proposal:
    """One candidate.

    Attributes:
        track_id: The recording.
        strength: Its amount relative to the best candidate's, 0 to 1, nine places.
        rank_in_source: Its place among the listener's candidates, 1 is the best.
    """

    track_id: str
    strength: float
    rank_in_source: int


def proposals(weights: ItemWeights, heard: Heard, most: int) -> list[Proposal]:
    """The candidates of a listener, the best first, ties by id; at most `most`."""
    ids, amounts = weights.scores(heard.counted)
    # As many are enough, whatever of them was heard.
    first = min(int((amounts > 0).sum()), most + len(heard.all))
    named = zip(ids[:first].to_pylist(), amounts[:first].tolist(), strict=True)
    kept = [(track, amount) for track, amount in named if track not in heard.all][:most]
    return [
        Proposal(track, round(amount / kept[0][1], 9), rank)
        for rank, (track, amount) in enumerate(kept, start=1)
    ]


def candidates(
    weights: ItemWeights, heard: pa.Table, listeners: Iterable[str], most: int
) -> pa.Table:
    """The candidates of many listeners, as `rec_candidates` has those of other sources.

    Args:
        weights: The item weights.
        heard: Rows of `HEARD`.
        listeners: Ids; who is not among the rows has no candidates.
        most: How many candidates a listener may have.

    Returns:
        The columns of `SCHEMA`.
    """
    by_listener: Mapping[str, tuple[list[str], list[str]]] = {
        listener: ([], []) for listener in listeners
    }
    columns = (heard[name].to_pylist() for name in HEARD_COLUMNS)
    for listener, recording, count in zip(*columns, strict=True):
        if listener in by_listener:
            every, counted = by_listener[listener]
            every.append(recording)
            if count > 0:
                counted.append(recording)
    rows = [
        (listener, found.track_id, SOURCE, found.strength)
        for listener, (every, counted) in by_listener.items()
        for found in proposals(weights, Heard(frozenset(counted), frozenset(every)), most)
    ]
    arrays = zip(*rows, strict=True) if rows else ([] for _ in SCHEMA)
    return pa.table([list(column) for column in arrays], schema=SCHEMA)


def solved(warehouse: Warehouse, release: Release) -> ItemWeights:
    """The item weights of a release that has no artifacts, such as one as of a moment.

    Raises:
        EncoreError: The server does not run, or the pairs are of no Gram matrix.
    """
    artifact = declared_as("track_item_weights")
    columns = item_weights.required_columns(artifact)
    return item_weights.build(
        warehouse.read(release.relation(MODEL), columns), artifact
    ).value
