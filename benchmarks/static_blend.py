"""A blend on a split that was given: does it beat EASE alone?

    python -m benchmarks.static_blend ../shared/data/lastfm_artists/plays.csv.gz

Without moments three sources of the blend are left: `ease`, `neighbours` and what is
popular, here in NumPy with the formulas and cuts of the artifact and of the marts. All is
tuned on a tenth of each listener's known pairs, hidden four times, each step with as many
trials as a baseline has: EASE alone, the neighbours by what they add to it, the weights by
`evaluation_fit`. The test is asked once, at the end: for the blend and each source alone.

A tenth and not a fifth: what is best for fewer pairs is not best for all (Kohavi 1995, "A
study of cross-validation and bootstrap for accuracy estimation and model selection"), as a
first run with a fifth showed; so this is the second look at the test.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks import harness
from python_hooks import evaluation_baselines as simple
from python_hooks import evaluation_items as items
from python_hooks import evaluation_readers
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_bootstrap import interval
from python_hooks.evaluation_fit import fit
from python_hooks.evaluation_metrics import measure
from python_hooks.evaluation_protocol import Fold, held_out
from python_hooks.evaluation_ranking import FloatArray, Scorer, top
from python_hooks.evaluation_trials import Baseline, K, Parameters, Ranges, tune

EACH = 150  # candidates of a source for a listener, as in the seed of the weights
KEPT = 1000  # weights of a track in the artifact (`weights_per_track`)
SPLITS = 4
HIDDEN = 0.1
EASE, NEIGHBOURS, POPULAR = "ease", "neighbours", "popular"
_L2 = (10.0, 1000.0)
_NEAR: Ranges = {
    "neighbours": (20.0, 500.0),
    "shrink": (1.0, 100.0),
    "exponent": (0.3, 1.0),
    "share": (0.05, 1.0),
}


@click.command()
@click.argument("path", type=Path)
@click.option("--trials", default=16, show_default=True)
def main(path: Path, trials: int) -> None:
    """Tune on hidden pairs, and compare on the test."""
    name, test = evaluation_readers.read_split(path)
    validation = [held_out(test, HIDDEN, seed) for seed in range(1, SPLITS + 1)]
    plain = tuned(_ease, {"l2": _L2}, validation, trials)
    ease = tuned(_ease, {"l2": _L2, "keep": (0.4, 1.0)}, validation, trials)
    near = tuned(partial(_together, ease), _NEAR, validation, trials)
    near = {name: value for name, value in near.items() if name != "share"}
    found = fit([candidates(fold, ease, near) for fold in validation], trials, _quiet)
    harness.publish(
        f"Blend of {name}",
        "python -m benchmarks.static_blend",
        on_test(test, plain["l2"], ease, near, found.parameters),
    )


def on_test(
    test: Fold, l2: float, ease: Parameters, near: Parameters, weights: Parameters
) -> list[dict[str, object]]:
    """The blend and each of its sources, compared with EASE as it is published."""
    theirs = measured(top(_ease(test, l2, kept=test.tracks), test, K), test)
    asked = candidates(test, ease, near)
    shares = {"blend": weights}
    shares |= {f"{source} of it": {source: 1.0} for source in asked.sources}
    return [
        compared(label, asked.lists(share, K), theirs, test)
        | {"weights": _spelled(share), "tuned": f"λ {l2:g}; {ease} {near}"}
        for label, share in shares.items()
    ]


def tuned(
    scorer: Callable[..., Scorer], ranges: Ranges, folds: Sequence[Fold], trials: int
) -> Parameters:
    """The best of some sets of parameters on the hidden pairs."""
    return tune(Baseline("", scorer, ranges), folds, trials, _quiet).parameters


def measured(lists: NDArray[np.int32], fold: Fold) -> Mapping[str, FloatArray]:
    """NDCG@10 and Recall@10 of each list."""
    values = measure(lists, fold)
    return {name: values[name] for name in ("ndcg", "recall")}


def compared(
    label: str, lists: NDArray[np.int32], theirs: Mapping[str, FloatArray], fold: Fold
) -> dict[str, object]:
    """A line: the measures, and their paired differences from the baseline."""
    line: dict[str, object] = {"lists": label}
    for name, values in measured(lists, fold).items():
        less = interval(values - theirs[name], fold.asked)
        line |= {f"{name}@10": float(values.mean()), f"{name} less EASE": less.mean}
        line |= {f"{name} low": less.low, f"{name} high": less.high}
    return line


def candidates(fold: Fold, ease: Parameters, near: Parameters) -> Candidates:
    """What the three sources propose, with strengths relative to the best."""
    made = {
        EASE: _ease(fold, **ease),
        NEIGHBOURS: _neighbours(fold, **near),
        POPULAR: simple.popular(fold),
    }
    return gathered(fold, made)


def gathered(fold: Fold, made: Mapping[str, Scorer]) -> Candidates:
    """The best of each source, as `rec_candidates` has them."""
    wide = np.zeros((len(made), len(fold.asked), fold.tracks))
    everybody = np.arange(len(fold.asked))
    for place, scorer in enumerate(made.values()):
        lists = top(scorer, fold, EACH)
        strength = np.take_along_axis(np.maximum(scorer(everybody), 0), lists, axis=1)
        strength = np.where(lists >= 0, strength, 0)
        best = np.maximum(strength.max(axis=1, keepdims=True), np.finfo(float).tiny)
        row, column = np.nonzero(lists >= 0)
        wide[place, row, lists[row, column]] = (strength / best)[row, column]
    row, track = np.nonzero(wide.any(axis=0))
    return Candidates(fold, tuple(made), row, track, wide[:, row, track].T)


def _ease(fold: Fold, l2: float, keep: float = 1.0, kept: float = KEPT) -> Scorer:
    """Of the artifact: dropout 1 - keep, and the strongest weights of each track."""
    heard = (fold.counts > 0).astype(np.float64)
    weights = items.ease_weights((heard.T @ heard).toarray(), l2, 1 - keep)
    return _called_up(fold, _strongest(weights, np.abs(weights), round(kept)))


def _together(ease: Parameters, fold: Fold, share: float, **near: float) -> Scorer:
    """EASE and a share of the neighbours, each relative to its best."""
    parts = {EASE: _ease(fold, **ease), NEIGHBOURS: _neighbours(fold, **near)}
    both = gathered(fold, parts)
    score = sparse.csr_array(
        (both.strength @ np.array([1.0, share]), (both.row, both.track)),
        (len(fold.asked), fold.tracks),
    )
    return lambda rows: score[rows].toarray()


def _neighbours(fold: Fold, neighbours: float, shrink: float, exponent: float) -> Scorer:
    """Of `fct_track_neighbours`: the nearest of each track that was heard."""
    heard = (fold.counts > 0).astype(np.float64)
    both = (heard.T @ heard).toarray()
    size = np.diag(both).copy()
    np.fill_diagonal(both, 0)
    near = both / (np.outer(size ** (1 - exponent), size**exponent) + shrink)
    return _called_up(fold, _strongest(near, near, round(neighbours)))


def _strongest(weights: FloatArray, by: FloatArray, kept: int) -> FloatArray:
    order = np.argsort(-np.round(by, 9), axis=1, kind="stable")[:, :kept]
    found = np.zeros_like(weights)
    np.put_along_axis(found, order, np.take_along_axis(weights, order, axis=1), axis=1)
    return found


def _called_up(fold: Fold, weights: FloatArray) -> Scorer:
    heard = fold.heard.astype(np.float64)
    return lambda rows: np.asarray(heard[rows] @ weights)


def _spelled(weights: Parameters) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)


def _quiet() -> None:
    """Progress is not shown."""


if __name__ == "__main__":
    main()
