"""Weights of the blend, fitted on the validation.

The trials, in this order: each source alone that proposes anything; solutions of a listwise
logistic loss with more and more ridge; the best source with a little of each source of
another kind; then coordinate ascent on NDCG@10 itself from the best so far (Metzler and
Croft 2007, "Linear feature-based models for information retrieval").

Chosen is by the rule of one standard error (Breiman et al. 1984, "Classification and
regression trees", section 3.4.3): of all sets whose mean is within one standard error of the
best one's, those with the fewest sources, and of these the best. The error is that of the
paired difference, with listeners as clusters.

The marts have no candidates of EASE, and people read their lists by SQL. So the weights of
SQL's sources are fitted first, as if there were no other; then EASE gets a share of the
score, and the others keep their proportions. The share is none or one of `SHARES`: the lists
of the marts are the best that SQL finds, and never empty.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from python_hooks.ease_source import SOURCE as EASE
from python_hooks.errors import EncoreError
from python_hooks.evaluation_blend import Candidates, among
from python_hooks.evaluation_bootstrap import standard_error
from python_hooks.evaluation_ranking import FloatArray
from python_hooks.evaluation_trials import K, Tuned, list_ndcg

_RIDGES = (0.001, 0.01, 0.1)
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
_STEPS = (0.4, 0.2, 0.1, 0.05)
SHARES = (0.02, 0.1, 0.4, 0.8)  # of EASE
PLACES = 4  # of a weight in the seed
Weights = tuple[float, ...]


def fit(candidates: Sequence[Candidates], trials: int, tell: Callable[[], None]) -> Tuned:
    """Finds the weights with the best mean NDCG@10 over all lists of the validation.

    Args:
        candidates: Of each fold of the validation; the same sources in all.
        trials: How many sets of weights to try.
        tell: Called after each trial.

    Returns:
        Weights >= 0 with `PLACES` places that add up to 1, by the rule of one standard
        error; of two equally good sets the earlier.

    Raises:
        EncoreError: No source proposes anything that was heard.
    """
    tried: dict[Weights, float] = {}
    return _tried(candidates, _proposed(candidates, tried), tried, trials, tell)


def _tried(
    candidates: Sequence[Candidates],
    proposed: Iterable[FloatArray],
    tried: dict[Weights, float],
    trials: int,
    tell: Callable[[], None],
) -> Tuned:
    """Measures sets of weights into `tried`, each once, and chooses."""
    sources = candidates[0].sources
    folds = [each.fold for each in candidates]
    values: dict[Weights, FloatArray] = {}
    for weights in proposed:
        key = tuple(rounded(weights))
        if key not in tried:
            named = dict(zip(sources, key, strict=True))
            values[key] = list_ndcg([each.lists(named, K) for each in candidates], folds)
            tried[key] = round(float(values[key].mean()), 9)
            tell()
        if len(tried) == trials:
            break
    key = _simplest(tried, values, np.concatenate([each.asked for each in folds]))
    return Tuned(dict(zip(sources, key, strict=True)), tried[key], len(tried))


def fit_in_turn(
    candidates: Sequence[Candidates], trials: int, tell: Callable[[], None]
) -> Tuned:
    """`fit` for the sources of SQL, then for the share of EASE; all trials together.

    Raises:
        EncoreError: No source of SQL proposes anything that was heard.
    """
    alone = [each.without(EASE) for each in candidates]
    found = fit(alone, max(1, trials - len(SHARES)), tell)
    names = candidates[0].sources
    sql = np.array([found.parameters[name] for name in names])
    ease = np.array([float(name == EASE) for name in names])
    if not any((each.strength @ ease).any() for each in candidates):
        return found
    sets = [(1 - share) * sql + share * ease for share in (0.0, *SHARES)]
    blended = _tried(candidates, sets, {}, len(sets), tell)
    # The first set is the one that was found, and no new trial.
    return replace(blended, trials=found.trials + len(SHARES))


def _simplest(
    tried: Mapping[Weights, float],
    values: Mapping[Weights, FloatArray],
    listener: NDArray[np.integer],
) -> Weights:
    """The set with the fewest sources within one standard error of the best set."""
    best = max(tried, key=tried.__getitem__)
    close = [
        key
        for key in tried
        if tried[best] - tried[key] <= standard_error(values[best] - values[key], listener)
    ]
    return min(close, key=lambda key: (np.count_nonzero(key), -tried[key]))


def rounded(weights: FloatArray) -> list[float]:
    """Scales to a sum of 1 with `PLACES` places, by largest remainders."""
    unit = 10**PLACES
    exact = weights / weights.sum() * unit
    whole = np.floor(np.round(exact, 6))
    missing = unit - round(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return [float(part) / unit for part in whole]


def _proposed(
    candidates: Sequence[Candidates], tried: Mapping[Weights, float]
) -> Iterator[FloatArray]:
    proposing = np.any([each.strength.any(axis=0) for each in candidates], axis=0)
    alone = np.eye(len(proposing))[proposing]
    yield from alone
    for ridge in _RIDGES:
        yield listwise(candidates, ridge)
    kinds = [source.partition("_")[0] for source in candidates[0].sources]
    best = max(map(tuple, alone.tolist()), key=tried.__getitem__)
    others = [each for each in alone if kinds[each.argmax()] != kinds[best.index(1)]]
    for share in _SHARES:
        for other in others:
            yield np.array(best) + share * other
    yield from _ascending(np.flatnonzero(proposing), tried)


def _ascending(
    sources: NDArray[np.int64], tried: Mapping[Weights, float]
) -> Iterator[FloatArray]:
    """Steps up and down in one weight after the other, from the best set so far."""
    for step in _STEPS:
        before = -1.0
        while max(tried.values()) > before:
            before = max(tried.values())
            for source in sources:
                for sign in (1, -1):
                    moved = np.array(max(tried, key=tried.__getitem__))
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
