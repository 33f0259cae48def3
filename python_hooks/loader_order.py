"""The order of the rows of an epoch, and who reads which part of it.

An epoch is one line of all rows: row groups in a random order, gathered into blocks of
at least a window of rows; each block is cut into windows, and the rows of each window
are in a random order. (Permuting a large row group as a whole costs three times as much:
it does not fit into the processor's cache.) The line depends on the files, the seed, the
window and the epoch, and not on who reads it: workers take intervals of it, and what is
left of an epoch is a list of intervals. So nothing is lost or read twice when a reader
stops, or when another number of workers goes on.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from python_hooks.loader_files import RowGroup

# Positions from the first to before the second, ascending.
Interval = tuple[int, int]
Intervals = tuple[Interval, ...]
Permutation = npt.NDArray[np.int64]


class Epoch:
    """The line of rows of one epoch.

    Args:
        groups: The row groups, in the order of the files.
        seed: Any whole number that is not negative.
        window: How many rows at least are shuffled together; 0 for the order of the files.
        number: The number of the epoch, from 0.
    """

    def __init__(
        self, groups: Sequence[RowGroup], seed: int, window: int, number: int
    ) -> None:
        self._key, self._window = (seed, number), window
        chosen = list(groups)
        if window:
            chosen = [chosen[place] for place in self._random(0).permutation(len(groups))]
        self.blocks = list(_blocks(chosen, window))
        sizes = (sum(group.rows for group in block) for block in self.blocks)
        self._starts = list(accumulate(sizes, initial=0))

    @property
    def rows(self) -> int:
        """Length of the line."""
        return self._starts[-1]

    def start(self, block: int) -> int:
        """The place of a block's first row."""
        return self._starts[block]

    def permutation(self, block: int) -> Permutation | None:
        """The order of a block's rows, or None for that of the files."""
        if not self._window:
            return None
        rows = self._starts[block + 1] - self._starts[block]
        # Windows of one size, none smaller than was asked for.
        windows = max(1, rows // self._window)
        cuts = [rows * number // windows for number in range(windows + 1)]
        random, order = self._random(1 + block), np.empty(rows, dtype=np.int64)
        for first, last in pairwise(cuts):
            order[first:last] = first + random.permutation(last - first)
        return order

    def pieces(self, intervals: Iterable[Interval]) -> Iterator[tuple[int, int, int]]:
        """The blocks that intervals lie in: block, first and last + 1 row of it."""
        for start, stop in intervals:
            at = start
            while at < stop:
                block = bisect_right(self._starts, at) - 1
                begin, end = self._starts[block : block + 2]
                yield block, at - begin, min(stop, end) - begin
                at = min(stop, end)

    def _random(self, part: int) -> np.random.RandomState:
        # RandomState: its numbers are the same in every version of NumPy (NEP 19), so an
        # epoch goes on after an upgrade.
        seeds = np.random.SeedSequence((*self._key, part))
        return np.random.RandomState(np.random.MT19937(seeds))


def _blocks(groups: Iterable[RowGroup], window: int) -> Iterator[tuple[RowGroup, ...]]:
    """Gathers row groups until they hold a window of rows."""
    block: list[RowGroup] = []
    for group in groups:
        block.append(group)
        if sum(group.rows for group in block) >= window:
            yield tuple(block)
            block = []
    if block:
        yield tuple(block)


def size(intervals: Iterable[Interval]) -> int:
    """How many positions intervals hold."""
    return sum(stop - start for start, stop in intervals)


def merged(intervals: Iterable[Interval]) -> Intervals:
    """The same positions in ascending order, as few intervals as can be."""
    found: list[Interval] = []
    for start, stop in sorted(intervals):
        if found and found[-1][1] >= start:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        elif start < stop:
            found.append((start, stop))
    return tuple(found)


def overlap(intervals: Iterable[Interval]) -> Interval | None:
    """Positions that two of the intervals hold, or None."""
    for one, other in pairwise(sorted(intervals)):
        if other[0] < one[1]:
            return other[0], min(one[1], other[1])
    return None


def share(intervals: Sequence[Interval], worker: int, workers: int) -> Intervals:
    """A worker's part: all parts together are the intervals, sizes differ by one at most."""
    total = size(intervals)
    begin, end = total * worker // workers, total * (worker + 1) // workers
    found, passed = [], 0
    for start, stop in intervals:
        first, last = max(start, start + begin - passed), min(stop, start + end - passed)
        if first < last:
            found.append((first, last))
        passed += stop - start
    return tuple(found)


def without(intervals: Sequence[Interval], taken: Iterable[Interval]) -> Intervals:
    """What is left of intervals when others, which lie in them, are taken out."""
    found = list(intervals)
    for first, last in taken:
        for place, (start, stop) in enumerate(found):
            if start <= first and last <= stop:
                rest = ((start, first), (last, stop))
                found[place : place + 1] = [part for part in rest if part[0] < part[1]]
                break
    return tuple(found)
