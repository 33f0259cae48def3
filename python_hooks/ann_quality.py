"""How well an ANN index finds what exact search finds."""

from collections.abc import Callable

import faiss
import numpy as np
import numpy.typing as npt

from python_hooks.vectors import Float32s

SAMPLE = 1_000
TOLERANCE = 1e-6
_SEED = 20_240_229


def recall(
    others: Callable[[int, int], list[tuple[int, float]]],
    units: Float32s,
    indexed: npt.NDArray[np.int64],
    queries: int,
) -> float:
    """Recall@10 against exact search over all indexed keys.

    A hit is any key no further than the tenth nearest other key + `TOLERANCE` of cosine
    distance: of keys that share a vector any will do.

    Args:
        others: The nearest other positions of a position, and their similarities.
        units: Unit vectors, shape (n, d).
        indexed: The position of each, shape (n,).
        queries: How many to ask for, at most n; drawn with a fixed seed.
    """
    flat = faiss.IndexFlatIP(units.shape[1])
    flat.add(units)
    depth = min(10, len(indexed) - 1)
    sample = np.random.default_rng(_SEED).choice(len(indexed), queries, replace=False)
    # One deeper, since the query finds itself.
    limits = flat.search(units[sample], depth + 1)[0][:, -1] - TOLERANCE
    hits = 0
    for row, limit in zip(sample, limits, strict=True):
        found = [position for position, _ in others(indexed[row], depth)]
        similarities = units[np.searchsorted(indexed, found)] @ units[row]
        hits += int(np.count_nonzero(similarities >= limit))
    return hits / (queries * depth)
