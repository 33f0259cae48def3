"""Measures by hand, by an oracle of definitions, and by another library."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from benchmarks import metrics_peer
from python_hooks import evaluation_metrics as metrics
from python_hooks.evaluation_bootstrap import interval
from python_hooks.evaluation_protocol import given as split
from python_hooks.evaluation_ranking import best


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_measures_of_a_list_worked_by_hand() -> None:
    # One listener, targets 1, 2 and 9; 9 is not listed.
    fold = split((codes(0, 1, 1), codes(5, 1, 2)), (codes(0, 0, 0), codes(1, 2, 9)), (2, 10))
    values = metrics.measure(np.array([[5, 1, 2, 3]], np.int32), fold)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert values["ndcg"] == pytest.approx([(1 / math.log2(3) + 1 / 2) / ideal])
    assert values["recall"] == pytest.approx([2 / 3])
    assert values["mrr"] == pytest.approx([1 / 2])
    assert values["hit_rate"] == pytest.approx([1])
    assert np.isnan(values["next_mrr"]).all()
    assert np.isnan(values["repeat_ndcg"]).all()
    assert values["explore_recall"] == values["recall"]


def test_a_target_beyond_the_list_counts_against_recall_and_not_against_ndcg() -> None:
    found = np.array([[True, True]])
    assert metrics.ndcg(found, np.array([5])) == pytest.approx([1])
    assert metrics.recall(found, np.array([5])) == pytest.approx([0.4])


@settings(max_examples=200, deadline=None)
@given(
    hn.arrays(np.float64, (3, 12), elements=st.sampled_from([-np.inf, 0.0, 0.5, 1.0])),
    st.integers(1, 15),
)
def test_lists_are_those_of_a_full_sort_with_ties_by_id(scores: np.ndarray, k: int) -> None:
    for listed, row in zip(best(scores, k).tolist(), scores.tolist(), strict=True):
        ranked = sorted((-score, at) for at, score in enumerate(row) if score > -np.inf)
        wanted = [at for _, at in ranked][:k]
        assert listed == wanted + [-1] * (k - len(wanted))


def test_a_listener_moves_with_all_their_values() -> None:
    random = np.random.default_rng(1)
    values, listener = random.random(50), np.arange(50)
    once = interval(values, listener)
    assert interval(np.tile(values, 4), np.tile(listener, 4)) == pytest.approx(once)
    # As if they were others' values, the same lists would look four times as sure.
    assumed = interval(np.tile(values, 4), np.arange(200))
    assert assumed.high - assumed.low < 0.7 * (once.high - once.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(2), 0
    for _ in range(200):
        own = np.repeat(random.normal(0.5, 0.2, 60), 3)
        values = own + random.normal(0, 0.1, 180)
        found = interval(values, np.repeat(np.arange(60), 3), draws=400)
        held += found.low <= 0.5 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_measures_equal_those_of_rectools(tmp_path: Path) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the lock file of RecTools is for Python 3.11")
    fold, lists = metrics_peer.drawn()
    try:
        found = metrics_peer.differences(fold, lists, tmp_path)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"RecTools cannot be installed: {error}")
    assert max(found.values()) <= 1e-9, found
