"""Weights of the blend, fitted on the validation.

The trials, in this order: each source alone; solutions of a listwise logistic loss with
more and more ridge; then coordinate ascent on NDCG@10 itself from the best so far (Metzler
and Croft 2007, "Linear feature-based models for information retrieval"). A blend has to
earn its place: where the paired 95 % interval of its gain over the best single source holds
0, the source alone is taken. A few cutoffs of validation are easily overfitted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from scipy import optimize, sparse

from python_hooks.errors import EncoreError
from python_hooks.evaluation_blend import Candidates, among
from python_hooks.evaluation_bootstrap import interval
from python_hooks.evaluation_ranking import FloatArray
from python_hooks.evaluation_trials import K, Tuned, list_ndcg

_RIDGES = (0.001, 0.01, 0.1)
_STEPS = (0.4, 0.2, 0.1, 0.05)
PLACES = 4  # of a weight in the seed


def fit(candidates: Sequence[Candidates], trials: int, tell: Callable[[], None]) -> Tuned:
    """Finds the weights with the best mean NDCG@10 over all lists of the validation.

    Args:
        candidates: Of each fold of the validation; the same sources in all.
        trials: How many sets of weights to try.
        tell: Called after each trial.

    Returns:
        Weights >= 0 with `PLACES` places that add up to 1: the best set, or the best single
        source where the best set is not surely better; of two equally good the earlier.

    Raises:
        EncoreError: No source proposes anything that was heard.
    """
    sources = candidates[0].sources
    folds = [each.fold for each in candidates]
    tried: dict[tuple[float, ...], float] = {}
    values: dict[tuple[float, ...], FloatArray] = {}
    for weights in _proposed(candidates, tried):
        key = tuple(rounded(weights))
        if key not in tried:
            named = dict(zip(sources, key, strict=True))
            values[key] = list_ndcg([each.lists(named, K) for each in candidates], folds)
            tried[key] = round(float(values[key].mean()), 9)
            tell()
        if len(tried) == trials:
            break
    best = max(tried, key=tried.__getitem__)
    single = max((key for key in tried if max(key) == 1), key=tried.__getitem__)
    listener = np.concatenate([each.asked for each in folds])
    if interval(values[best] - values[single], listener).low <= 0:
        best = single
    return Tuned(dict(zip(sources, best, strict=True)), tried[best], len(tried))


def rounded(weights: FloatArray) -> list[float]:
    """Scales to a sum of 1 with `PLACES` places, by largest remainders."""
    unit = 10**PLACES
    exact = weights / weights.sum() * unit
    whole = np.floor(np.round(exact, 6))
    missing = unit - round(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return [float(part) / unit for part in whole]


def _proposed(
    candidates: Sequence[Candidates], tried: Mapping[tuple[float, ...], float]
) -> Iterator[FloatArray]:
    sources = len(candidates[0].sources)
    yield from np.eye(sources)
    for ridge in _RIDGES:
        yield listwise(candidates, ridge)
    for step in _STEPS:
        before = -1.0
        while max(tried.values()) > before:
            before = max(tried.values())
            for source in range(sources):
                for sign in (1, -1):
                    best = np.array(max(tried, key=tried.__getitem__))
                    moved = best.copy()
                    moved[source] = max(0.0, moved[source] + sign * step)
                    if moved.sum() > 0:
                        yield moved


def listwise(candidates: Sequence[Candidates], ridge: float) -> FloatArray:
    """Weights >= 0 that make what was heard likely among all candidates of a listener.

    The loss is the mean over listeners of the cross entropy between the softmax of their
    candidates' scores and their targets among them (ListNet's top-one loss: Cao et al.
    2007, "Learning to rank: from pairwise approach to listwise approach"), plus ridge / 2
    times the squared weights. It is convex; L-BFGS-B from 1 finds its minimum. All
    candidates that were not heard are the negatives.

    Raises:
        EncoreError: No candidate was heard.
    """
    size = len(candidates[0].sources)
    found = optimize.minimize(
        listwise_loss(candidates, ridge),
        np.ones(size),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * size,
    )
    return np.asarray(found.x + 1e-12, np.float64)


def listwise_loss(
    candidates: Sequence[Candidates], ridge: float
) -> Callable[[FloatArray], tuple[float, FloatArray]]:
    """The loss of `listwise` and its gradient, as a function of the weights.

    Raises:
        EncoreError: No candidate was heard.
    """
    strength, row, wanted = _pooled(candidates)
    if not len(row):
        raise EncoreError(
            "Nothing that a source proposes was heard after any cutoff of the validation.",
            "Take fewer cutoffs, so that each looks further ahead.",
        )
    lists = int(row[-1]) + 1
    starts = np.searchsorted(row, np.arange(lists))
    by_list = sparse.csr_array((np.ones(len(row)), (row, np.arange(len(row)))))

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        score = strength @ weights
        score = score - np.maximum.reduceat(score, starts)[row]
        likely = np.exp(score)
        total = by_list @ likely
        value = np.log(total).sum() - wanted @ score
        slope = strength.T @ (likely / total[row] - wanted)
        return (
            float(value / lists + ridge / 2 * weights @ weights),
            np.asarray(slope / lists + ridge * weights),
        )

    return loss


def _pooled(candidates: Sequence[Candidates]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Candidates of all folds of listeners with a hit, numbered list by list.

    Returns:
        Strengths (n, sources), list (n,) ascending, share of the list's targets (n,).
    """
    strengths, rows, shares, offset = [], [], [], 0
    for each in candidates:
        wanted = among(each.row, each.track, each.fold.relevant)
        count = np.bincount(each.row[wanted], minlength=len(each.fold.asked))
        kept = count[each.row] > 0
        listed, row = np.unique(each.row[kept], return_inverse=True)
        strengths.append(each.strength[kept])
        shares.append(wanted[kept] / count[each.row[kept]])
        rows.append(row + offset)
        offset += len(listed)
    return np.concatenate(strengths), np.concatenate(rows), np.concatenate(shares)
