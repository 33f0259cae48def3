"""What the tracks and the listens of the sample have in common: words, faults, draws."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Row = tuple[str, ...]
Line = tuple[str, Row]  # what has to become of it, and its cells

DATA = tomllib.loads(Path(__file__).with_name("sample.toml").read_text("utf-8"))
FAULTS: dict[str, list[dict[str, Any]]] = {
    source: [fault for fault in faults for _ in range(fault["times"])]
    for source, faults in DATA["faults"].items()
}
GENRES: dict[str, list[float]] = DATA["genres"]
LISTEN_COLUMNS: list[str] = DATA["columns"]["listens"]
TRACK_COLUMNS: list[str] = DATA["columns"]["tracks"]


def invent_names(rng: Generator, kind: str, count: int) -> list[str]:
    """Invents distinct names; where the words run out, they are numbered."""
    names = [
        f"{first}{glue}{last}"
        for firsts, glue, lasts in DATA["names"][kind]
        for first in DATA["words"][firsts]
        for last in DATA["words"][lasts]
    ]
    rng.shuffle(names)
    turns = (divmod(k, len(names)) for k in range(count))
    return [names[at] if turn == 0 else f"{names[at]} {turn + 1}" for turn, at in turns]


def zipf(rng: Generator, size: int, exponent: float) -> FloatArray:
    """Weights 1 / rank^exponent in random order, with sum 1: (size,)."""
    weights = rng.permutation(np.arange(1.0, size + 1) ** -exponent)
    return np.asarray(weights / weights.sum())


def spoil(fault: dict[str, Any], columns: list[str], row: Row) -> Line:
    """A row with a fault: cells replaced, and fields cut off (< 0) or added (> 0)."""
    over, fields = fault.get("cells", {}), fault.get("fields", 0)
    cells = tuple(over.get(c, cell) for c, cell in zip(columns, row, strict=True))
    return fault["outcome"], cells[:fields] if fields < 0 else cells + ("",) * fields
