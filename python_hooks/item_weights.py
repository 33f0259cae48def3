"""Item-item weights of EASE: which tracks speak for which, solved in closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, equation 8: with
the Gram matrix G of listeners and tracks, P = (G + lambda I)^-1 and
B = I - P diag(1 / diag P). With dropout p, p / (1 - p) times the diagonal of G is added to it
as well (Steck, "Autoencoders that don't overfit towards the Identity", NeurIPS 2020): a heard
track may not be foretold by itself, as it is missing with probability p. A track's score for
a listener is the sum of the weights B[heard, track] over what the listener has heard. The
strongest weights of every heard track are kept, as compressed sparse rows in an Arrow file.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from scipy.linalg import lapack

from python_hooks.console import err
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.receipt import Built, Receipt
from python_hooks.recorded_files import REBUILD

_COUNTS = ("min_listeners", "max_tracks", "memory_mb", "weights_per_track")
PARAMS: Mapping[str, type] = {
    "count": str,
    "regularisation": float,
    "dropout": float,
    **dict.fromkeys(_COUNTS, int),
}
BOUNDS: Mapping[str, str] = {"residual": "at most"}
REFERENCE: tuple[str, ...] = ()
LIBRARIES: tuple[str, ...] = ("numpy", "pyarrow", "scipy")

# Rounded before they are ranked: equal weights stay equal, whatever order BLAS adds in.
PLACES = 9
_BLOCK = 512
_PROBES = 16
_SEED = 20_190_206

Float64s = npt.NDArray[np.float64]


class ItemWeights:
    """Sparse weights between tracks.

    Args:
        rows: One row per track, ascending by `track_id`: `positions`, the rows of the
            tracks that it speaks for (list of int32, ascending), and `weights`, how
            strongly (list of float64, as many).
    """

    def __init__(self, rows: pa.RecordBatch) -> None:
        self.rows = rows
        self.ids = rows.column("track_id")
        self._starts = rows.column("positions").offsets.to_numpy()
        self._positions = rows.column("positions").values.to_numpy()
        self._weights = rows.column("weights").values.to_numpy()

    def scores(self, heard: Iterable[str]) -> tuple[pa.Array, Float64s]:
        """Ids and scores of all tracks that what was heard speaks for or against.

        Args:
            heard: Ids, each counted once; those without weights are passed over.

        Returns:
            The ids (strings) and their sums of weights, both of shape (m,): the best
            first, equal ones by id. Heard tracks are among them.
        """
        asked = pa.array(sorted(set(heard)), self.ids.type)
        known = pc.index_in(asked, self.ids).drop_null().to_numpy()
        spans = [slice(self._starts[row], self._starts[row + 1]) for row in known]
        positions = np.concatenate(
            [np.empty(0, np.int32)] + [self._positions[s] for s in spans]
        )
        weights = np.concatenate([np.empty(0)] + [self._weights[s] for s in spans])
        sums = np.bincount(positions, weights, len(self.ids)).round(PLACES)
        found = np.unique(positions)
        order = found[np.lexsort((found, -sums[found]))]
        return self.ids.take(pa.array(order)), sums[order]

    def speakers(
        self, heard: Iterable[str], tracks: Sequence[str]
    ) -> dict[str, list[tuple[str, float]]]:
        """What of the heard speaks for or against tracks, with its weight.

        Args:
            heard: Ids, each counted once; those without weights are passed over.
            tracks: Ids with a weight of at least one of them.

        Returns:
            Per track, ids and weights; the greatest weight first, equal ones by id.
        """
        asked = pa.array(sorted(set(heard)), self.ids.type)
        wanted = pc.index_in(pa.array(tracks, self.ids.type), self.ids).to_numpy()
        found: dict[str, list[tuple[str, float]]] = {track: [] for track in tracks}
        place = dict(zip(wanted.tolist(), tracks, strict=True))
        for row in pc.index_in(asked, self.ids).drop_null().to_pylist():
            span = slice(self._starts[row], self._starts[row + 1])
            positions = self._positions[span]
            for at in np.flatnonzero(np.isin(positions, wanted)):
                weight = float(self._weights[span][at])
                found[place[int(positions[at])]].append((self.ids[row].as_py(), weight))
        return {
            track: sorted(by, key=lambda one: (-one[1], one[0]))
            for track, by in found.items()
        }


def problem(artifact: Artifact) -> str:
    """What is wrong with the values of a declaration, or an empty string."""
    params = artifact.params
    if len(artifact.key) != 2:
        return f"key is {', '.join(artifact.key)}; item_weights have a pair of tracks."
    if params["count"] not in artifact.columns:
        return (
            f"parameter count is {params['count']!r}, not a column of "
            f"{artifact.model}, which declares {', '.join(artifact.columns)}."
        )
    if not params["regularisation"] > 0:
        return f"parameter regularisation is {params['regularisation']}, not above 0."
    if not 0 <= params["dropout"] < 1:
        return f"parameter dropout is {params['dropout']}, not 0 to below 1."
    for name in _COUNTS:
        if params[name] < 1:
            return f"parameter {name} is {params[name]}, not 1 or more."
    return ""


def required_columns(artifact: Artifact) -> list[str]:
    """The columns of the mart that `build` reads."""
    return [*artifact.key, artifact.params["count"]]


def build(table: pa.Table, artifact: Artifact) -> Built[ItemWeights]:
    """Solves for the weights of the tracks with the most listeners.

    Tracks count that have `min_listeners`, the first `max_tracks` of them by listeners,
    then id, and no more than whose dense float64 matrix takes `memory_mb`.

    Args:
        table: One row per pair of tracks, whichever comes first, and per track with
            itself: two ids (string) and the number of listeners (integer).
        artifact: The declaration.

    Returns:
        The weights; `residual` is the largest number in M P - I over some columns, M the
        matrix that was solved, None without tracks.

    Raises:
        EncoreError: The matrix is not positive definite: the counts are of no Gram matrix.
    """
    params = artifact.params
    ids, eligible = _chosen(table, artifact)
    gram = _gram(table, artifact, ids)
    if len(ids) < eligible:
        err.print(
            f"{artifact.name}: weights of {len(ids)} of {eligible} tracks, those with the "
            f"most listeners (max_tracks {params['max_tracks']}, memory_mb "
            f"{params['memory_mb']}).",
        )
    missing = params["dropout"] / (1 - params["dropout"])
    added = params["regularisation"] + missing * gram.diagonal()
    shifted = (gram + sparse.diags_array(added)).tocsr()
    inverse = _inverse(shifted, artifact)
    rows, kept_share = _strongest(inverse, ids, params["weights_per_track"])
    return Built(
        value=ItemWeights(rows),
        rows=table.num_rows,
        quality={"residual": _residual(shifted, inverse)},
        details={"tracks": len(ids), "eligible": eligible, "kept_share": kept_share},
    )


def save(built: Built[ItemWeights], path: Path) -> list[Path]:
    """Writes the rows; returns the files written."""
    rows = built.value.rows
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return [path]


def load(path: Path, receipt: Receipt) -> ItemWeights:
    """Maps a file into memory, after `receipt.verify`.

    Raises:
        DamagedError: The file has the recorded checksum, but is not what it should be: its
            numbers would be followed out of memory.
    """
    with pa.memory_map(str(path)) as source:
        rows = pa.ipc.open_file(source).get_batch(0)
    rows.validate(full=True)
    positions, weights = rows.column("positions"), rows.column("weights")
    values = positions.values.to_numpy()
    found = rows.num_rows, int(values.min(initial=0)), int(values.max(initial=-1))
    tracks = receipt.details["tracks"]
    alike = positions.offsets.equals(weights.offsets)
    if found[0] != tracks or found[1] < 0 or found[2] >= tracks or not alike:
        raise DamagedError(
            f"Artifact {receipt.artifact}: {path.name} has (tracks, first and last position) "
            f"{found}, recorded {tracks} tracks; as many weights as positions: {alike}.",
            REBUILD,
        )
    return ItemWeights(rows)


def _chosen(table: pa.Table, artifact: Artifact) -> tuple[pa.Array, int]:
    """Ids to solve for, ascending, and how many had listeners enough."""
    (one, other), params = artifact.key, artifact.params
    alone = table.filter(pc.equal(table[one], table[other]))
    known = alone.filter(pc.greater_equal(alone[params["count"]], params["min_listeners"]))
    limit = min(params["max_tracks"], isqrt(params["memory_mb"] * 2**20 // 8))
    first = known.sort_by([(params["count"], "descending"), (one, "ascending")])[:limit]
    ids = first[one].combine_chunks()
    return ids.take(pc.array_sort_indices(ids)), known.num_rows


def _gram(table: pa.Table, artifact: Artifact, ids: pa.Array) -> sparse.csr_array:
    """The symmetric Gram matrix of these ids, shape (n, n), float64."""
    places = [pc.index_in(table[column], ids) for column in artifact.key]
    both = pc.and_(*map(pc.is_valid, places))
    rows, columns = (place.filter(both).to_numpy() for place in places)
    counts = table[artifact.params["count"]].filter(both).to_numpy().astype(np.float64)
    half = sparse.coo_array((counts, (rows, columns)), shape=(len(ids), len(ids))).tocsr()
    return half + half.T - sparse.diags_array(half.diagonal())


def _inverse(matrix: sparse.csr_array, artifact: Artifact) -> Float64s:
    """The upper triangle of the inverse, in the one dense matrix that is ever made."""
    dense: Float64s = matrix.toarray(order="F")
    if not dense.size:
        return dense
    dense, failed = lapack.dpotrf(dense, lower=0, clean=0, overwrite_a=1)
    if not failed:
        dense, failed = lapack.dpotri(dense, lower=0, overwrite_c=1)
    if failed:
        raise EncoreError(
            f"Artifact {artifact.name}: the counts of {artifact.relation} are of no Gram "
            f"matrix (Cholesky failed at {failed}).",
            f"Mend model {artifact.model}, or raise regularisation.",
        )
    return dense


def _rows_of(inverse: Float64s, begin: int, end: int) -> Float64s:
    """Rows of the symmetric matrix whose upper triangle is given, shape (end - begin, n)."""
    block: Float64s = inverse[begin:end].copy()
    block[:, :begin] = inverse[:begin, begin:end].T
    corner = np.triu(block[:, begin:end])
    block[:, begin:end] = corner + np.triu(corner, 1).T
    return block


def _strongest(inverse: Float64s, ids: pa.Array, kept: int) -> tuple[pa.RecordBatch, float]:
    """The rows of `ItemWeights`, and what share of all weight, in absolutes, is in them."""
    counts, positions, weights = [0], [], []
    total, diagonal = 0.0, inverse.diagonal()
    for begin in range(0, len(ids), _BLOCK):
        end = min(begin + _BLOCK, len(ids))
        block = (-_rows_of(inverse, begin, end) / diagonal).round(PLACES)
        block[np.arange(end - begin), np.arange(begin, end)] = 0
        total += float(np.abs(block).sum())
        # Ties in the order of the ids; then ascending within the row.
        nearest = np.sort(np.argsort(-np.abs(block), axis=1, kind="stable")[:, :kept], axis=1)
        values = np.take_along_axis(block, nearest, axis=1)
        counts.extend(np.count_nonzero(values, axis=1))
        positions.append(nearest[values != 0])
        weights.append(values[values != 0])
    offsets = pa.array(np.cumsum(counts), pa.int32())
    strongest = np.concatenate([[], *weights])
    lists = [
        pa.array(np.concatenate([[], *positions]).astype(np.int32)),
        pa.array(strongest),
    ]
    columns = [ids, *(pa.ListArray.from_arrays(offsets, values) for values in lists)]
    rows = pa.RecordBatch.from_arrays(columns, ["track_id", "positions", "weights"])
    return rows, round(float(np.abs(strongest).sum()) / total, 6) if total else 1.0


def _residual(matrix: sparse.csr_array, inverse: Float64s) -> float | None:
    """The largest error of some columns of matrix @ inverse - identity."""
    size = len(inverse)
    if not size:
        return None
    probes = np.random.default_rng(_SEED).choice(size, min(_PROBES, size), replace=False)
    worst = 0.0
    for probe in probes.tolist():
        product = matrix @ _rows_of(inverse, probe, probe + 1)[0]
        product[probe] -= 1
        worst = max(worst, float(np.abs(product).max()))
    return worst
