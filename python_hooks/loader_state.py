"""Where a loader is in its epoch, as values to keep beside a model's checkpoint.

What is left is written as intervals of the epoch's line of rows, which is the same for
any number of workers: so another number of them can share what is left.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from python_hooks import loader_order
from python_hooks.errors import EncoreError
from python_hooks.loader_order import Intervals

if TYPE_CHECKING:
    from python_hooks.loader import Loader

FORMAT_VERSION = 1
State = Mapping[str, Any]


def _order(loader: "Loader") -> dict[str, Any]:
    """All that the line of rows depends on, beside the number of the epoch."""
    return {
        "format_version": FORMAT_VERSION,
        "files": loader.files.fingerprint,
        "rows": loader.files.rows,
        "seed": loader.seed,
        "shuffle_window": loader.shuffle_window,
    }


def save(loader: "Loader") -> dict[str, Any]:
    """The state of a loader: numbers, texts and lists of them."""
    return _order(loader) | {
        "epoch": loader.epoch,
        "worker": loader.worker,
        "workers": loader.workers,
        "remaining": [list(interval) for interval in loader.remaining],
    }


def load(loader: "Loader", state: State | Sequence[State]) -> tuple[int, Intervals]:
    """The epoch to go on with, and what is left of it for this loader.

    Raises:
        EncoreError: The states are of other files or another order, of several epochs,
            or not of all workers; or two of them hold the same rows.
    """
    states = [state] if isinstance(state, Mapping) else list(state)
    if not states:
        raise EncoreError("There is no state to load.", "Give those of all workers.")
    for one in states:
        _require_order(loader, one)
    epochs = {one["epoch"] for one in states}
    if len(epochs) > 1:
        raise EncoreError(
            f"The states are of the epochs {_listed(epochs)}.",
            "Give states that the workers saved at the same step.",
        )
    lefts = [_left(one) for one in states]
    own = [
        left
        for one, left in zip(states, lefts, strict=True)
        if (one["worker"], one["workers"]) == (loader.worker, loader.workers)
    ]
    # As many workers as before: each goes on with its own.
    if own:
        return epochs.pop(), own[0]
    _require_all_workers(states)
    together = [interval for left in lefts for interval in left]
    if twice := loader_order.overlap(together):
        raise EncoreError(f"Two states hold the rows {twice[0]} to {twice[1]} both.")
    left = loader_order.merged(together)
    return epochs.pop(), loader_order.share(left, loader.worker, loader.workers)


def _left(state: State) -> Intervals:
    """The intervals that a state holds."""
    return loader_order.merged((start, stop) for start, stop in state["remaining"])


def _require_order(loader: "Loader", state: State) -> None:
    for name, value in _order(loader).items():
        if state.get(name) != value:
            raise EncoreError(
                f"The state has {name} {state.get(name, 'absent')}, the loader has {value}: "
                "the order of the rows is another one.",
                "Make the loader as it was, over the same files (`encore export` keeps "
                "them), or begin anew with `set_epoch`.",
            )


def _require_all_workers(states: Sequence[State]) -> None:
    workers = {one["workers"] for one in states}
    given = sorted(one["worker"] for one in states)
    if len(workers) > 1 or given != list(range(max(workers))):
        raise EncoreError(
            f"The states are of the workers {_listed(given)} of {_listed(workers)}.",
            "Another number of workers shares what is left: give the states of all.",
        )


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in sorted(values))
