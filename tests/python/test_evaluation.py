"""What is known and asked at a cutoff, the baselines, the blend and its weights."""

import gzip
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import blending, nulls
from python_hooks import evaluation_baselines as simple
from python_hooks import (
    evaluation_fit,
    evaluation_page,
    evaluation_readers,
    evaluation_report,
)
from python_hooks import evaluation_items as items
from python_hooks.errors import EncoreError
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_data import DAY, MINUTE, History
from python_hooks.evaluation_metrics import measure
from python_hooks.evaluation_protocol import GAP, Fold, fold, folds, held_out, windows
from python_hooks.evaluation_ranking import top
from python_hooks.evaluation_run import Evaluation, judge_baselines
from python_hooks.evaluation_trials import baselines, tried
from python_hooks.evaluation_warehouse import filled, own_lists
from python_hooks.evaluation_weights import Fitted, read_seed, write_seed

LASTFM = Path(__file__).parents[3] / "shared/data/lastfm_artists/plays.csv.gz"


def listens(rows: list[tuple[str, str, float]], name: str = "few") -> History:
    """Rows of listener, track and day."""
    listener, track, day = zip(*rows, strict=True)
    at = [round(each * DAY) for each in day]
    table = pa.table({"listener_id": listener, "track_id": track, "listened_at": at})
    return History.of(table, name)


@pytest.fixture(scope="module")
def history() -> History:
    return nulls.invented(listeners=40, tracks=60, listens=3_000)


@pytest.fixture(scope="module")
def few(history: History) -> tuple[list[Fold], list[Fold]]:
    validation, test = windows(history, 3, 2)
    return folds(history, validation, False), folds(history, test, False)


def test_no_validation_sees_what_is_tested(history: History) -> None:
    validation, test = windows(history, 8, 4)
    cuts = [*validation, *test]
    assert len(test) == 8
    assert cuts[-1].end == history.span[1]
    for one, following in pairwise(cuts):
        assert one.begin == one.cutoff + 30 * MINUTE
        assert one.end <= following.cutoff - GAP
    assert max(each.end for each in validation) <= test[0].cutoff - GAP


def test_listens_in_the_gap_are_neither_known_nor_asked_for() -> None:
    few = listens([("a", "x", 0), ("a", "gap", 10.01), ("a", "y", 10.5), ("a", "z", 100)])
    _, (window,) = windows(few, 1, 0, share=0.9)
    asked = fold(few, window)
    assert window.cutoff == 10 * DAY
    assert [few.tracks[at] for at in asked.track] == ["x"]
    assert [few.tracks[at] for at in asked.relevant.indices] == ["y", "z"]
    assert few.tracks[asked.next_track[0]] == "y"


def test_a_cutoff_knows_nothing_of_what_comes_after(history: History) -> None:
    _, test = windows(history, 3, 2)
    random = np.random.default_rng(3)
    later = history.at > test[0].cutoff
    track = history.track.copy()
    track[later] = random.permutation(track[later])
    changed = replace(history, track=track)
    before, after = fold(history, test[0]), fold(changed, test[0])
    same = np.intersect1d(before.asked, after.asked)
    for baseline in baselines():
        parameters = tried(baseline.ranges, 1)[0]
        one, other = (
            top(baseline.scorer(each, **parameters), each, 10)[np.isin(each.asked, same)]
            for each in (before, after)
        )
        assert (one == other).all(), baseline.name


def test_discovery_neither_lists_nor_wants_what_was_heard(history: History) -> None:
    _, test = windows(history, 3, 2)
    for each in folds(history, test, True):
        assert each.relevant.multiply(each.heard).nnz == 0
        lists = top(simple.popular(each), each, 10)
        heard = each.heard.toarray() > 0
        for row, listed in enumerate(lists):
            assert not heard[row, listed[listed >= 0]].any()


def test_the_order_of_the_rows_does_not_matter(history: History) -> None:
    table = pa.table(
        {
            "listener_id": [history.listeners[at] for at in history.listener],
            "track_id": [history.tracks[at] for at in history.track],
            "listened_at": history.at,
        }
    )
    mixed = History.of(table.take(np.random.default_rng(1).permutation(len(table))), "mixed")
    assert mixed.tracks == history.tracks
    for name in ("listener", "track", "at"):
        assert (getattr(mixed, name) == getattr(history, name)).all()


def test_personal_baselines_know_the_listener_then_what_is_popular() -> None:
    few = listens(
        [
            *[("a", "often", day) for day in (1, 2, 3)],
            *[("a", "lately", 9), ("b", "hit", 8), ("c", "hit", 8.5), ("b", "old", 1)],
            *[("a", "hit", 11), ("new", "old", 12), ("a", "often", 20)],
        ]
    )
    asked = fold(few, windows(few, 1, 0, share=0.5)[1][0])
    named = {
        "personal": simple.personal(asked, 30),
        "decayed": simple.personal_decayed(asked, 1, 30),
        "last": simple.last_played(asked, 30),
    }
    first = {
        name: [[few.tracks[at] for at in row] for row in top(scorer, asked, 3)]
        for name, scorer in named.items()
    }
    assert first["personal"][0] == ["often", "lately", "hit"]
    assert first["decayed"][0] == first["last"][0] == ["lately", "often", "hit"]
    assert [row[0] for row in (first["personal"][1], first["last"][1])] == ["often"] * 2
    assert asked.warm.tolist() == [True, False]


def test_reference_values_of_the_given_split() -> None:
    if not LASTFM.exists():
        pytest.skip(f"{LASTFM} is not there")
    _, asked = evaluation_readers.read_split(LASTFM)
    knn = {"neighbours": 100, "shrink": 10, "half_life_d": 1e9, "backoff_half_life_d": 30}
    reference = {
        (0.0807, 0.0830, 0.1172, 0.1017): simple.popular(asked),
        (0.2306, 0.2545, 0.3225, 0.3001): items.knn_cosine(asked, **knn),
        (0.2462, 0.2696, 0.3441, 0.3187): items.ease(asked, 100, 30),
        (0.2295, 0.2538, 0.3267, 0.3027): items.ease(asked, 300, 30),
    }
    for expected, scorer in reference.items():
        lists = top(scorer, asked, 20)
        found = []
        for k in (10, 20):
            values = measure(lists[:, :k], asked)
            found += [values["recall"].mean(), values["ndcg"].mean()]
        assert found == pytest.approx(expected, abs=0.003)
    hidden = held_out(asked)
    assert len(hidden.at) + hidden.relevant.nnz == len(asked.at)


def test_item_models_equal_their_formulas(few: tuple[list[Fold], list[Fold]]) -> None:
    asked = few[1][-1]
    x = (asked.counts.toarray() > 0).astype(float)
    gram = x.T @ x
    inverse = np.linalg.inv(gram + 50 * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    rows = np.flatnonzero(asked.warm)
    mine = items.ease(asked, 50, 30)(rows)[:, asked.known]
    assert mine == pytest.approx((x[asked.asked[rows]] @ weights)[:, asked.known])
    shrunk = gram / (np.sqrt(np.outer(np.diag(gram), np.diag(gram))) + 10)
    np.fill_diagonal(shrunk, 0)
    sums = (x[asked.asked[rows]] @ shrunk)[:, asked.known]
    lives = {"half_life_d": 1e12, "backoff_half_life_d": 30}
    mine = items.knn_cosine(asked, 1000, 10, **lives)(rows)[:, asked.known]
    positive = sums > 0
    scaled = 1 + sums / sums.max(axis=1, keepdims=True)
    assert mine[positive] == pytest.approx(scaled[positive])


def test_every_baseline_gives_the_same_twice(few: tuple[list[Fold], list[Fold]]) -> None:
    asked = few[1][0]
    for baseline in baselines():
        parameters = tried(baseline.ranges, 2)[-1]
        one, two = (top(baseline.scorer(asked, **parameters), asked, 10) for _ in range(2))
        assert (one == two).all(), baseline.name


def test_weights_depend_on_nothing_but_the_data(
    history: History, few: tuple[list[Fold], list[Fold]]
) -> None:
    made = [blending.candidates(each, history) for each in few[0]]
    found = evaluation_fit.fit(made, 40, lambda: None)
    assert found.trials == 40
    assert sum(found.parameters.values()) == pytest.approx(1)
    tables = [blending.table(each, history) for each in few[0]]
    mixed = [
        Candidates.of(
            table.take(np.random.default_rng(5).permutation(len(table))),
            blending.SOURCES,
            each,
            history,
        )
        for table, each in zip(tables, few[0], strict=True)
    ]
    assert evaluation_fit.fit(mixed, 40, lambda: None) == found
    alone = evaluation_fit.fit(made, len(blending.SOURCES), lambda: None)
    assert set(alone.parameters.values()) == {0.0, 1.0}
    assert found.value >= alone.value


def test_listwise_weights_are_at_the_minimum(
    history: History, few: tuple[list[Fold], list[Fold]]
) -> None:
    made = [blending.candidates(each, history) for each in few[0]]
    best = evaluation_fit.listwise(made, 0.01)
    loss = evaluation_fit.listwise_loss(made, 0.01)
    value, slope = loss(best)
    random = np.random.default_rng(1)
    for _ in range(20):
        other = np.maximum(0, best + random.normal(0, 0.1, len(best)))
        assert loss(other)[0] >= value - 1e-7
        step = 1e-6 * random.normal(size=len(best))
        moved = loss(best + step)[0] - loss(best - step)[0]
        assert moved == pytest.approx(2 * step @ slope, abs=1e-11)


def test_new_listeners_get_the_popular_candidates() -> None:
    few = listens(
        [("a", "x", 0), ("b", "y", 1), ("b", "x", 2), ("new", "y", 9), ("a", "y", 10)]
    )
    asked = fold(few, windows(few, 1, 0, share=0.3)[1][0])
    rows = [
        *[("a", "x", "popular_7d", 1.0), ("b", "x", "popular_7d", 1.0)],
        *[("a", "y", "popular_7d", 0.5), ("a", "y", "repeats", 1.0)],
    ]
    names = ["listener_id", "track_id", "source", "strength"]
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    made = Candidates.of(table, ("popular_7d", "repeats"), asked, few)
    named = [
        [few.tracks[at] for at in row if at >= 0] for row in made.lists({"repeats": 1}, 2)
    ]
    assert named == [["y"], ["x", "y"]]
    assert made.source_recall()["repeats"].tolist() == [1, 0]
    listed = pa.table({"listener_id": ["a"], "rank": [1], "track_id": ["y"]})
    popular = pa.table({"rank": [2, 1], "track_id": ["x", "y"]})
    lists = filled(own_lists(listed, asked, few), popular, asked, few)[:, :2].tolist()
    assert [[few.tracks[at] for at in row if at >= 0] for row in lists] == [
        *(["y", "x"], ["y", "x"])
    ]
    new = replace(asked, discover=True)
    lists = filled(own_lists(listed, new, few), popular, new, few).tolist()
    assert [[few.tracks[at] for at in row if at >= 0] for row in lists] == [["y"], ["y", "x"]]


@pytest.mark.parametrize("world", ["shuffled listeners", "popularity only"])
def test_the_blend_gains_nothing_where_there_is_nothing_to_learn(world: str) -> None:
    gain = nulls.gain(nulls.WORLDS[world](), trials=30)
    assert gain.low <= 0 <= gain.high or gain.high < 0, gain


def test_the_blend_gains_where_there_is_taste() -> None:
    assert nulls.gain(nulls.invented(), trials=30).low > 0


def test_a_report_and_its_page_are_the_same_twice(
    few: tuple[list[Fold], list[Fold]], tmp_path: Path
) -> None:
    models = judge_baselines(*few, 2, lambda _: None)
    figures = [
        evaluation_report.report(Evaluation(few[1], models), "few", "rolling", False)
        for _ in range(2)
    ]
    assert json.dumps(figures[0]) == json.dumps(figures[1])
    best = next(
        model
        for model in figures[0]["models"]
        if model["model"] == figures[0]["best_baseline"]
    )
    assert best["all"]["versus_best"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    pages = [
        evaluation_page.write(each, tmp_path / f"{number}.html").read_text()
        for number, each in enumerate(figures)
    ]
    assert pages[0] == pages[1]
    assert "<svg" in pages[0]
    # Names of vocabularies have addresses, but nothing is loaded from one.
    assert not re.search(r"<(script|link|img|image)\b|url\(http|src=", pages[0])


def test_the_seed_says_where_its_weights_come_from(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    rows = ("familiar,b,0.5", "familiar,a,0.5", "discover,b,1", "discover,a,0")
    path.write_text("\n".join(("mode,source,weight", *rows, "")))
    found = Fitted(
        "discover", {"a": 0.25, "b": 0.75}, "few", 4, "2020-01-31", 16, "NDCG@10", 0.3
    )
    write_seed([found], path)
    *by_hand, first, second = read_seed(path)
    assert [(row["weight"], row["fitted_on"]) for row in by_hand] == [("0.5", "")] * 2
    assert (first["source"], first["weight"], first["trials"]) == ("b", "0.7500", "16")
    assert (second["weight"], second["fitted_upto"]) == ("0.2500", "2020-01-31")
    other = replace(found, mode="familiar", weights={"a": 0.0, "b": 1.0})
    write_seed([other, found], path)
    assert [row["weight"] for row in read_seed(path)] == [
        *("1.0000", "0.0000", "0.7500", "0.2500")
    ]
    with pytest.raises(EncoreError, match="discover the sources a, b; fitted were c"):
        write_seed([other, replace(found, weights={"c": 1.0})], path)
    assert {row["fitted_on"] for row in read_seed(path)} == {"few"}


@pytest.mark.parametrize("discover", [False, True])
def test_ease_never_has_all_of_a_blend(history: History, discover: bool) -> None:
    made = []
    for window in windows(history, 2, 2)[0]:
        asked = fold(history, window, discover)
        sql = blending.table(asked, history, ("neighbours", "popular_30d", "repeats_90d"))
        # An oracle: it proposes what will be heard, and nothing else.
        row, track = asked.relevant.nonzero()
        known = asked.known[track]
        columns = [
            [history.listeners[at] for at in asked.asked[row[known]]],
            [history.tracks[at] for at in track[known]],
            ["ease"] * int(known.sum()),
            [1.0] * int(known.sum()),
        ]
        both = pa.concat_tables([sql, pa.table(columns, schema=blending.SCHEMA)])
        sources = ("ease", "neighbours", "popular_30d", "repeats_90d")
        made.append(Candidates.of(both, sources, asked, history))
    found = evaluation_fit.fit_in_turn(made, 12, lambda: None)
    alone = evaluation_fit.fit([each.without("ease") for each in made], 8, lambda: None)
    assert found.trials == 12
    assert found.parameters["ease"] == max(evaluation_fit.SHARES) < 1
    for source, weight in alone.parameters.items():
        if source != "ease":
            kept = weight * (1 - found.parameters["ease"])
            assert found.parameters[source] == pytest.approx(kept, abs=1e-4)
    # Where it proposes nothing it gets nothing, and the rest is fitted as if it were not.
    without = [each.without("ease") for each in made]
    assert (
        evaluation_fit.fit_in_turn(without, 12, lambda: None).parameters == alone.parameters
    )


FILES = {
    "u.data": "1\t50\t5\t881250949\n1\t60\t3\t881250950\n",
    "some.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    "1\t50\t5\t881250949\n1\t60\t3\t881250950\n",
    "plays.tsv": "user_1\t2009-05-04T23:08:57Z\tmb-a\tArtist\tmb-t\tTitle\n"
    'user_1\t2009-05-04T13:54:10Z\tmb-a\tArtist\t\t"Other\n',
    "dump.listens": json.dumps(
        {
            "user_name": "u",
            "listened_at": 1_500_000_000,
            "recording_msid": "r1",
            "track_metadata": {"artist_name": "A", "track_name": "T"},
        }
    )
    + "\n"
    + json.dumps(
        {
            "user_id": 1,
            "listened_at": 1_500_000_001,
            "track_metadata": {
                "artist_name": "A",
                "track_name": "T",
                "mbid_mapping": {"recording_mbid": "m"},
            },
        }
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("compressed", [False, True])
def test_public_histories_are_read(name: str, compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / (name + ".gz" * compressed)
    content = FILES[name].encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    found = evaluation_readers.read(path)
    assert len(found.at) == 2
    assert {
        "u.data": (("50", "60"), 881_250_949_000_000),
        "some.inter": (("50", "60"), 881_250_949_000_000),
        "plays.tsv": (('Artist\x1f"Other', "mb-t"), 1_241_445_250_000_000),
        "dump.listens": (("m", "r1"), 1_500_000_000_000_000),
    }[name] == (found.tracks, found.at[0])


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    with pytest.raises(EncoreError, match="Nobody knows how to read list"):
        evaluation_readers.read(tmp_path / "list.txt")
    with pytest.raises(EncoreError, match="cannot be read as movielens"):
        evaluation_readers.read(tmp_path / "u.data")
    (tmp_path / "bad.tsv").write_text("one\ttwo\n")
    with pytest.raises(EncoreError, match="cannot be read as lastfm-1k"):
        evaluation_readers.read(tmp_path / "bad.tsv")
    with pytest.raises(EncoreError, match="too short"):
        windows(listens([("a", "x", 0), ("a", "y", 0.1)]))
