"""What is asked and when: rolling global cutoffs in time, or a split that was given.

A cutoff in time is the same for everybody: nothing that anybody did after it is known to
any model. A split per listener lets models learn from the others' future, and sampled
negatives order models differently from the full catalogue (Meng et al. 2020, "Exploring
data splitting strategies for the evaluation of recommendation models"; Krichene and Rendle
2020, "On sampled metrics for item recommendation"), so neither is the protocol here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from python_hooks.errors import EncoreError
from python_hooks.evaluation_data import DAY, MINUTE, Codes, History, Moments

GAP = 30 * MINUTE


@dataclass(frozen=True)
class Window:
    """One question in time, in microseconds since 1970.

    Attributes:
        cutoff: What was heard up to here is known.
        begin: What was heard after this is asked for,
        end: up to here.
    """

    cutoff: int
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Fold:
    """What is known at a cutoff, and what was heard after it.

    Attributes:
        cutoff: The moment, microseconds.
        listener: Listener of each known listen: (n,).
        track: Its track: (n,).
        at: Its moment: (n,).
        asked: The listeners with at least one target, ascending: (m,).
        relevant: Their targets, 1 where heard in the horizon: (m, tracks), CSR of int8.
        next_track: The first target of each: (m,); -1 where there are no moments.
        listeners: How many listeners the history has.
        discover: Whether what a listener had heard is neither listed nor a target.
    """

    cutoff: int
    listener: Codes
    track: Codes
    at: Moments
    asked: Codes
    relevant: sparse.csr_array
    next_track: Codes
    listeners: int
    discover: bool

    @property
    def tracks(self) -> int:
        """How many tracks the history has, known at the cutoff or not."""
        return int(self.relevant.shape[1])

    @cached_property
    def counts(self) -> sparse.csr_array:
        """Known listens per listener and track: (listeners, tracks), float64."""
        return self.weighed(np.ones(len(self.at)))

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Tracks that somebody had heard: (tracks,). Only these can be listed."""
        return np.bincount(self.track, minlength=self.tracks) > 0

    @cached_property
    def heard(self) -> sparse.csr_array:
        """What those asked had heard, 1 per track: (m, tracks), CSR of int8."""
        return (self.counts[self.asked] > 0).astype(np.int8)

    @cached_property
    def warm(self) -> NDArray[np.bool_]:
        """Which of those asked had listened before: (m,)."""
        return np.asarray(self.heard.sum(axis=1)).ravel() > 0

    @property
    def ages(self) -> NDArray[np.float64]:
        """Days from each known listen to the cutoff: (n,)."""
        return (self.cutoff - self.at) / DAY

    def weighed(self, weights: NDArray[np.float64]) -> sparse.csr_array:
        """Sums weights of the known listens: (listeners, tracks), float64."""
        shape = (self.listeners, self.tracks)
        return sparse.coo_array((weights, (self.listener, self.track)), shape).tocsr()


def windows(
    history: History, cutoffs: int = 8, validations: int = 8, share: float = 0.8
) -> tuple[list[Window], list[Window]]:
    """Divides the end of a history into horizons of equal length, one after the other.

    The last `cutoffs` are for the test; those before them for choosing parameters. Each
    horizon begins `GAP` after its cutoff, and ends before or at the next cutoff: so no
    validation sees what is tested.

    Args:
        history: The listens.
        cutoffs: How many tests.
        validations: How many validations before them.
        share: Share of the history's time that all horizons take.

    Returns:
        The windows of the validation and of the test, in order of time.

    Raises:
        EncoreError: The history is too short for so many horizons.
    """
    first, last = history.span
    count = cutoffs + validations
    length = int((last - first) * share) // count
    if length <= 2 * GAP:
        raise EncoreError(
            f"{history.name} covers {(last - first) / DAY:.2f} days: too short for {count} "
            f"horizons of more than an hour.",
            "Take fewer --cutoffs, or a longer history.",
        )
    ends = [last - length * back for back in range(count - 1, -1, -1)]
    # A horizon gives its last minutes up, so that the next gap separates them as well.
    made = [
        Window(end - length, end - length + GAP, end if end == last else end - GAP)
        for end in ends
    ]
    return made[:validations], made[validations:]


def fold(history: History, window: Window, discover: bool = False) -> Fold:
    """Cuts a history at a window; listens in the gap are in neither part."""
    cut = int(np.searchsorted(history.at, window.cutoff, "right"))
    begin, end = np.searchsorted(history.at, [window.begin, window.end], "right").tolist()
    known = (history.listener[:cut], history.track[:cut], history.at[:cut])
    target = (history.listener[begin:end], history.track[begin:end])
    shape = (len(history.listeners), len(history.tracks))
    return _folded(window.cutoff, known, target, shape, discover)


def given(
    train: tuple[Codes, Codes], test: tuple[Codes, Codes], shape: tuple[int, int]
) -> Fold:
    """A split into pairs that was given, without moments; what is known is masked.

    Args:
        train: Listener and track of each known pair.
        test: Those of each target.
        shape: How many listeners and tracks there are.
    """
    at = np.zeros(len(train[0]), np.int64)
    folded = _folded(0, (*train, at), test, shape, discover=True)
    return replace(folded, next_track=np.full_like(folded.next_track, -1))


def held_out(split: Fold, share: float = 0.2, seed: int = 1) -> Fold:
    """Hides a share of each listener's known pairs, to choose parameters without the test.

    Of n pairs round(share n) are hidden, drawn anew for each listener.
    """
    order = np.lexsort((split.track, split.listener))
    listener, track = split.listener[order], split.track[order]
    chance = np.random.Generator(np.random.PCG64(seed)).random(len(order))
    mixed = np.lexsort((chance, listener))
    starts = np.searchsorted(listener, listener)
    hidden = np.zeros(len(order), bool)
    # Sorted by listener, so that the place within a listener's pairs is the distance.
    counts = np.bincount(listener, minlength=split.listeners)[listener]
    hidden[mixed] = np.arange(len(order)) - starts < np.round(share * counts)
    parts = [(listener[part], track[part]) for part in (~hidden, hidden)]
    return given(parts[0], parts[1], (split.listeners, split.tracks))


def _folded(
    cutoff: int,
    known: tuple[Codes, Codes, Moments],
    target: tuple[Codes, Codes],
    shape: tuple[int, int],
    discover: bool,
) -> Fold:
    listener, track = target
    if discover:
        before = np.unique(known[0].astype(np.int64) * shape[1] + known[1])
        new = ~np.isin(listener.astype(np.int64) * shape[1] + track, before)
        listener, track = listener[new], track[new]
    asked, first, row = np.unique(listener, return_index=True, return_inverse=True)
    plays = np.ones(len(track), np.int64)
    targets = sparse.coo_array((plays, (row, track)), (len(asked), shape[1])).tocsr()
    targets = (targets > 0).astype(np.int8)
    # Listens are in the order of time, so the first of a listener is the next one.
    return Fold(cutoff, *known, asked, targets, track[first], shape[0], discover)


def folds(history: History, cuts: Sequence[Window], discover: bool) -> list[Fold]:
    """All folds with somebody to ask.

    Raises:
        EncoreError: Nobody has a target in any of them.
    """
    made = [fold(history, window, discover) for window in cuts]
    made = [each for each in made if len(each.asked) and len(each.at)]
    if not made:
        raise EncoreError(
            f"Nobody in {history.name} has anything to find after a cutoff.",
            "Take fewer --cutoffs, or a longer history.",
        )
    return made
