"""Bloom filter of (listener, track) pairs: "surely not heard" or "probably heard".

The hash is XXH3-128 of the UTF-8 text `listener␟track` (U+001F between them) as
a signed integer: stable between processes, unlike Python's own `hash`. Bits are
only ever set, so the file does not depend on the order of the rows.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import rbloom
import xxhash

from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.receipt import Built, Receipt
from python_hooks.recorded_files import REBUILD

PARAMS: Mapping[str, type] = {"false_positive_rate": float}
BOUNDS: Mapping[str, str] = {"false_positive_rate": "at most"}
REFERENCE: tuple[str, ...] = ()
LIBRARIES: tuple[str, ...] = ("rbloom", "xxhash")

HASH = "xxh3_128, big-endian signed, of UTF-8 <first key>U+001F<second key>"
# A filter for a handful of keys would be a few bits long; this one has 1.2 KB at 1 %.
MIN_CAPACITY = 1_000
# Absent pairs asked: at a rate of 1 % the standard error is 0.03 percentage points.
SAMPLE = 100_000
_SEED = 20_240_229
_BATCH_ROWS = 65_536
# A filter has -log2 of its rate, and the rate is a double.
_HASHES = range(1_076)


class BloomFilter:
    """A filter of pairs.

    Args:
        bits: The filter, holding the hashes of `pair_hash`.
        delta: A small filter of the pairs heard since, or None.
    """

    def __init__(self, bits: Any, delta: "BloomFilter | None" = None) -> None:
        self._bits = bits
        self._delta = delta

    def contains(self, listener_id: str, track_id: str) -> bool:
        """Whether the pair is probably in; False is certain."""
        return self._has(_text(listener_id, track_id))

    def contains_many(
        self, listener_id: str, track_ids: Iterable[str]
    ) -> npt.NDArray[np.bool_]:
        """`contains` for one listener and n tracks: booleans of shape (n,)."""
        return np.fromiter(
            (self._has(_text(listener_id, track_id)) for track_id in track_ids),
            dtype=np.bool_,
        )

    def with_delta(self, delta: "BloomFilter") -> "BloomFilter":
        """This filter and another, asked in turn: what either has is in."""
        return BloomFilter(self._bits, delta)

    def union(self, other: "BloomFilter") -> "BloomFilter":
        """The filter of the pairs of both: shards filled apart, put together.

        Raises:
            EncoreError: One has a delta, or their sizes or numbers of hashes differ: no
                union of bits would answer for both.
        """
        if self._delta or other._delta:
            raise EncoreError(
                "A Bloom filter with a delta has no union: it would forget the delta.",
                "Unite the filters before `with_delta`.",
            )
        shapes = [
            (each.size_in_bits, int.from_bytes(each.to_bytes()[:8], "little"))
            for each in (self, other)
        ]
        if shapes[0] != shapes[1]:
            raise EncoreError(
                "These Bloom filters have no union: they have {} bits and {} hashes, "
                "{} bits and {} hashes.".format(*shapes[0], *shapes[1]),
                "Build all shards for the same capacity and false positive rate.",
            )
        return BloomFilter(self._bits | other._bits)

    def _has(self, text: bytes) -> bool:
        return text in self._bits or (self._delta is not None and self._delta._has(text))

    def to_bytes(self) -> bytes:
        """The filter as rbloom writes it: 8 bytes (number of hashes), then the bits."""
        content: bytes = self._bits.save_bytes()
        return content

    @property
    def size_in_bits(self) -> int:
        """Number of bits of the filter."""
        size: int = self._bits.size_in_bits
        return size


def pair_hash(text: bytes) -> int:
    """The hash named by `HASH`, in the range -2**127 .. 2**127 - 1."""
    return int.from_bytes(xxhash.xxh3_128_digest(text), "big", signed=True)


def problem(artifact: Artifact) -> str:
    """What is wrong with the values of a declaration, or an empty string."""
    rate = artifact.params["false_positive_rate"]
    if len(artifact.key) != 2:
        return f"key is {', '.join(artifact.key)}; a bloom_filter holds pairs."
    if not 0 < rate < 1:
        return f"parameter false_positive_rate is {rate}, not between 0 and 1."
    return ""


def required_columns(artifact: Artifact) -> list[str]:
    """The columns of the mart that `build` reads."""
    return list(artifact.key)


def build(
    table: pa.Table,
    artifact: Artifact,
    hash_function: Callable[[bytes], int] = pair_hash,
    capacity: int = MIN_CAPACITY,
) -> Built[BloomFilter]:
    """Builds the filter and measures it.

    Args:
        table: One row per pair, two columns of strings without nulls.
        artifact: The declaration.
        hash_function: The hash; anything else than `pair_hash` is for experiments,
            as `load` knows only that one.
        capacity: Keys to plan for. A filter is never fuller than planned: more rows
            than that make a larger one. Shards to be united need one capacity.

    Returns:
        The filter; `false_positive_rate` is measured on `absent_pairs` pairs that are
        not in it, drawn with a fixed seed.

    Raises:
        EncoreError: The filter does not find one of its own keys.
    """
    rows = table.num_rows
    rate = artifact.params["false_positive_rate"]
    capacity = max(rows, MIN_CAPACITY, capacity)
    bits = rbloom.Bloom(capacity, rate, hash_function)
    bits.update(_texts(table, artifact))
    built = BloomFilter(bits)
    false_negatives = sum(text not in bits for text in _texts(table, artifact))
    if false_negatives:
        raise EncoreError(
            f"Artifact {artifact.name}: the filter misses {false_negatives} of its own "
            f"{rows} keys; its hash gives one key different values.",
            "Use a hash that depends on nothing but the key.",
        )
    absent = _absent_pairs(table, artifact)
    found = sum(built.contains(*pair) for pair in absent)
    return Built(
        value=built,
        rows=rows,
        quality={
            "false_positive_rate": found / len(absent),
            "absent_pairs": len(absent),
            "false_negatives": false_negatives,
        },
        details={
            "hash": HASH,
            "capacity": capacity,
            "bits": built.size_in_bits,
            "bits_per_key": round(built.size_in_bits / rows, 3) if rows else None,
            # The fewest that a Bloom filter of this rate needs: log2(1 / rate) / ln 2
            # (Bloom 1970, "Space/time trade-offs in hash coding with allowable errors").
            "limit_bits_per_key": round(-math.log2(rate) / math.log(2), 3),
        },
    )


def build_delta(table: pa.Table, artifact: Artifact) -> Built[BloomFilter]:
    """A small filter of pairs heard since the batch, to be asked after the batch's.

    False positives of two filters add up: this one has a tenth of the declared rate, so
    that both together stay within 1.1 times of it. Nothing is measured, to be quick.
    """
    capacity = max(table.num_rows, MIN_CAPACITY)
    rate = artifact.params["false_positive_rate"] / 10
    bits = rbloom.Bloom(capacity, rate, pair_hash)
    bits.update(_texts(table, artifact))
    built = BloomFilter(bits)
    details = {"hash": HASH, "capacity": capacity, "bits": built.size_in_bits}
    return Built(built, table.num_rows, {}, details)


def save(built: Built[BloomFilter], path: Path) -> list[Path]:
    """Writes the filter; returns the files written."""
    path.write_bytes(built.value.to_bytes())
    return [path]


def load(path: Path, receipt: Receipt) -> BloomFilter:
    """Loads a filter.

    Args:
        path: The file.
        receipt: What `receipt.verify` returned for it: a damaged file must not get
            here, as rbloom loads some of them and answers wrongly.

    Raises:
        EncoreError: The filter was written with another hash.
        DamagedError: It has another size than recorded, or more hashes than any rate
            needs: an answer would never come.
    """
    if receipt.details["hash"] != HASH:
        raise EncoreError(
            f"Artifact {receipt.artifact} was built with the hash "
            f"{receipt.details['hash']}; this version of encore uses {HASH}.",
            "Run `encore artifacts build` to build it again.",
        )
    content = path.read_bytes()
    bits, hashes = 8 * (len(content) - 8), int.from_bytes(content[:8], "little")
    wanted = receipt.details["bits"]
    if bits != wanted or hashes not in _HASHES:
        raise DamagedError(
            f"Artifact {receipt.artifact}: {path.name} has {bits} bits and {hashes} hashes, "
            f"recorded {wanted} bits, possible {_HASHES[0]} to {_HASHES[-1]} hashes.",
            REBUILD,
        )
    return BloomFilter(rbloom.Bloom.load_bytes(content, pair_hash))


def _text(listener_id: str, track_id: str) -> bytes:
    # A command line may hold bytes that are not UTF-8, which Python gives as lone
    # surrogates: no key of a mart has them, and the answer is no, not an error.
    return f"{listener_id}\x1f{track_id}".encode("utf-8", "surrogatepass")


def _texts(table: pa.Table, artifact: Artifact) -> Iterator[bytes]:
    # Batch by batch: ten million pairs as Python strings would take 2 GB.
    for batch in table.select(list(artifact.key)).to_batches(_BATCH_ROWS):
        yield from map(_text, *(column.to_pylist() for column in batch.columns))


def _absent_pairs(table: pa.Table, artifact: Artifact) -> list[tuple[str, str]]:
    """Pairs of known listeners and tracks that are not in the table.

    Where there are fewer than `SAMPLE` of those, the tracks are invented.
    """
    columns = [table[name] for name in artifact.key]
    # Sorted, so that the sample does not depend on the order of the rows.
    listeners, tracks = (pc.unique(column).sort() for column in columns)
    space = len(listeners) * len(tracks)
    if space - table.num_rows < SAMPLE:
        known = set(tracks.to_pylist())
        invented = (f"absent-{number}" for number in range(SAMPLE + len(known)))
        absent = islice((track for track in invented if track not in known), SAMPLE)
        owners = listeners.to_pylist() or ["absent"]
        return [(owners[i % len(owners)], track) for i, track in enumerate(absent)]
    codes = [
        pc.index_in(column, value_set=values).to_numpy().astype(np.int64)
        for column, values in zip(columns, (listeners, tracks), strict=True)
    ]
    present = codes[0] * len(tracks) + codes[1]
    random = np.random.default_rng(_SEED)
    drawn = np.empty(0, dtype=np.int64)
    while len(drawn) < SAMPLE:
        more = random.integers(space, size=2 * SAMPLE)
        drawn = np.union1d(drawn, np.setdiff1d(more, present))
    chosen = random.choice(drawn, SAMPLE, replace=False)
    first = listeners.take(pa.array(chosen // len(tracks))).to_pylist()
    second = tracks.take(pa.array(chosen % len(tracks))).to_pylist()
    return list(zip(first, second, strict=True))
