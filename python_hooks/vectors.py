"""Vectors of a mart as arrays, and of length one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]


def from_column(column: pa.Array, artifact: Artifact, keys: Sequence[str]) -> Float64s:
    """The vectors of a column as an array (n, d), given the n keys they belong to.

    Raises:
        EncoreError: They differ in length, or are no lists of finite numbers.
    """

    def wrong(what: str) -> EncoreError:
        name = f"{artifact.model}.{artifact.params['vector']}"
        return EncoreError(
            f"Artifact {artifact.name}: {name} {what}.",
            f"Mend model {artifact.model}, then run `encore dbt build`.",
        )

    if not keys:
        return np.empty((0, 0))
    try:
        lengths = pc.list_value_length(column).to_numpy()
        numbers = pc.cast(pc.list_flatten(column), pa.float64())
    except pa.ArrowException as error:
        raise wrong(f"has type {column.type}, not a list of numbers") from error
    if odd := int(np.argmax(lengths != lengths[0])):
        sizes = f"{keys[odd]!r} has {lengths[odd]}, {keys[0]!r} has {lengths[0]}"
        raise wrong(f"differs in length: {sizes}")
    vectors = numbers.to_numpy(zero_copy_only=False).reshape(len(keys), lengths[0])
    if not (finite := np.isfinite(vectors).all(axis=1)).all():
        odd = int(np.argmin(finite))
        raise wrong(f"of {keys[odd]!r} is {column[odd].as_py()}, not finite")
    return np.asarray(vectors)


def unit(vectors: Float64s) -> Float32s:
    """Vectors (n, d) of length 1 with the same directions; none may be zero."""
    # Scaled first, since the square of a very large or small number is none.
    scaled = vectors / np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    directions = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    # Adding zero turns -0.0 into 0.0, so that equal vectors have equal bytes.
    return np.asarray(directions + 0.0, dtype=np.float32)
