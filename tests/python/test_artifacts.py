"""Releases of artifacts: built whole or not at all, checked, and opened verified."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from python_hooks import artifacts as builders
from python_hooks import deltas, release_note
from python_hooks.artifact_builders import Read
from python_hooks.artifact_releases import point_to, stored_releases
from python_hooks.artifacts import (
    VersionOf,
    check,
    declared,
    follow,
    open_filter,
    open_index,
    overview,
)
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import Home
from python_hooks.receipt import Receipt, read
from python_hooks.recorded_files import file_facts

VECTORS = Artifact(
    name="track_vector_index",
    builder="ann_index",
    relation="encore.feat_tracks",
    model="feat_tracks",
    columns=("track_id", "vector"),
    key=("track_id",),
    path="track_vectors.faiss",
    params={
        "vector": "vector",
        "metric": "cosine",
        "connectivity": 16,
        "ef_construction": 64,
        "ef_search": 64,
    },
    min_quality={"recall_at_10": 0.95},
    description="",
)
HEARD = Artifact(
    name="heard_tracks_filter",
    builder="bloom_filter",
    relation="encore.fct_listener_track_rfm",
    model="fct_listener_track_rfm",
    columns=("listener_id", "track_id"),
    key=("listener_id", "track_id"),
    path="filters/heard_tracks.bloom",
    params={"false_positive_rate": 0.01},
    min_quality={"false_positive_rate": 0.015},
    description="",
)
BOTH = [HEARD, VECTORS]


def marts(rows: int = 600) -> dict[str, pa.Table]:
    vectors = np.random.default_rng(3).standard_normal((rows, 10))
    tracks = [f"t{number:05d}" for number in range(rows)]
    return {
        VECTORS.relation: pa.table(
            {
                "track_id": pa.array(tracks, pa.string()),
                "vector": pa.array(vectors.tolist(), pa.list_(pa.float64())),
            }
        ),
        HEARD.relation: pa.table(
            {
                "listener_id": pa.array([f"l{n % 7}" for n in range(rows)], pa.string()),
                "track_id": pa.array(tracks, pa.string()),
            }
        ),
    }


class Reader:
    """Reads from tables in memory what a warehouse would be asked for."""

    def __init__(self, tables: dict[str, pa.Table]) -> None:
        self.tables = tables

    def __call__(self, model: str, columns: Sequence[str]) -> pa.Table:
        return self.tables[f"encore.{model}"].select(list(columns))


def at(version: str) -> VersionOf:
    """Every model is of one build."""
    return lambda _artifact: version


def build(
    artifacts: list[Artifact],
    home: Home,
    read: Read,
    version: str,
    names: Sequence[str] | None = None,
) -> list[Receipt]:
    """Builds, and releases what was built."""
    receipts = builders.build(artifacts, home, read, at(version), names)
    point_to(stored_releases(home)[0], home, ())
    return receipts


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state of encore")


def contents(home: Home) -> dict[str, str]:
    """Checksum of every file of the current release."""
    current = home.artifacts / "current"
    return {
        str(path.relative_to(current)): file_facts(path).sha256
        for path in sorted(current.rglob("*"))
        if path.is_file() and path.name != release_note.NAME
    }


def refused(
    artifacts: list[Artifact], tables: dict[str, pa.Table], home: Home
) -> EncoreError:
    """The error of a build, after which the release must be what it was before."""
    before = contents(home)
    with pytest.raises(EncoreError) as caught:
        build(artifacts, home, Reader(tables), "v2")
    assert contents(home) == before
    assert not (home.artifacts / "building").exists()
    return caught.value


def test_builds_checks_and_opens(home: Home) -> None:
    heard, vectors = build(BOTH, home, Reader(marts()), "v1")
    assert (heard.rows, vectors.rows) == (600, 600)
    assert heard.version == vectors.version == "v1"
    assert set(vectors.libraries) == {"faiss-cpu", "numpy", "pyarrow"}
    assert set(contents(home)) == {
        "filters/heard_tracks.bloom",
        "filters/heard_tracks.bloom.json",
        "track_vectors.faiss",
        "track_vectors.faiss.json",
        "track_vectors.faiss.keys.arrow",
    }
    counts = {HEARD.relation: 600, VECTORS.relation: 600}
    for status in (*check(BOTH, home, at("v1"), counts), *overview(BOTH, home)):
        assert status.problems == ()
        assert status.receipt is not None
    assert len(open_index(VECTORS, home).value.similar("t00000", 10)) == 10
    assert open_filter(HEARD, home).value.contains("l1", "t00001")


def test_same_marts_give_the_same_files_at_any_time_and_in_any_order(home: Home) -> None:
    tables = marts()
    build(BOTH, home, Reader(tables), "v1")
    first = contents(home)
    order = np.random.default_rng(4).permutation(600)
    shuffled = {name: table.take(order) for name, table in tables.items()}
    build(BOTH, home, Reader(shuffled), "v2")
    second = contents(home)
    assert {name for name in first if first[name] != second[name]} == {
        "filters/heard_tracks.bloom.json",
        "track_vectors.faiss.json",
    }


@pytest.mark.parametrize("artifact", BOTH, ids=lambda artifact: str(artifact.name))
def test_damage_is_refused_by_name(home: Home, artifact: Artifact) -> None:
    build(BOTH, home, Reader(marts()), "v1")
    path = (home.artifacts / "current").resolve() / artifact.path
    open_it = open_index if artifact is VECTORS else open_filter
    generator = np.random.default_rng(20_240_229)
    for name in read(path).files:
        file = path.with_name(name)
        content = file.read_bytes()
        flips = []
        for _ in range(25):
            flipped = bytearray(content)
            flipped[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
            flips.append(bytes(flipped))
        for damaged in (*flips, content[:-1], content[: len(content) // 2], b""):
            file.write_bytes(damaged)
            with pytest.raises(EncoreError) as caught:
                open_it(artifact, home)
            assert artifact.name in caught.value.message
            assert "encore artifacts build" in caught.value.hint
        (problem,) = next(s for s in check(BOTH, home) if s.artifact == artifact).problems
        assert name in problem
        file.write_bytes(content)
    open_it(artifact, home)


def test_other_params_than_recorded_are_refused(home: Home) -> None:
    build(BOTH, home, Reader(marts()), "v1")
    heard = replace(HEARD, params={"false_positive_rate": 0.001})
    vectors = replace(VECTORS, params={**VECTORS.params, "ef_search": 99})
    with pytest.raises(EncoreError, match=r"heard_tracks_filter.*0\.01 .*0\.001"):
        open_filter(heard, home)
    with pytest.raises(EncoreError, match=r"track_vector_index.*ef_search is 64 .*99"):
        open_index(vectors, home)
    for look in (check, overview):
        problems = [status.problems[0] for status in look([heard, vectors], home)]
        assert "0.01 in the receipt, 0.001 in the declaration" in problems[0]
        assert "64 in the receipt, 99 in the declaration" in problems[1]


def test_an_index_is_no_filter(home: Home) -> None:
    build(BOTH, home, Reader(marts()), "v1")
    with pytest.raises(EncoreError, match="track_vector_index is of the kind ann_index"):
        open_filter(VECTORS, home)


def test_what_is_not_built_is_said_to_be_so(home: Home) -> None:
    for look in (check, overview):
        assert [status.problems for status in look(BOTH, home)] == [("not built",)] * 2
    with pytest.raises(EncoreError, match="heard_tracks_filter is not built"):
        open_filter(HEARD, home)


def test_check_compares_with_the_marts(home: Home) -> None:
    build(BOTH, home, Reader(marts()), "v1")
    heard, vectors = check(BOTH, home, at("v2"), {VECTORS.relation: 601})
    assert heard.problems == (
        "it was built from fct_listener_track_rfm of v1, published is that of v2",
    )
    assert vectors.problems[1] == "it was built from 600 rows, encore.feat_tracks has 601"
    moved = replace(HEARD, relation="dev.heard")
    stricter = replace(HEARD, min_quality={"false_positive_rate": 1e-9})
    assert "dev.heard" in check([moved], home)[0].problems[0]
    assert "at most 1e-09" in overview([stricter], home)[0].problems[0]


def test_below_quality_nothing_is_released(home: Home) -> None:
    tables = marts(5_000)
    build(BOTH, home, Reader(tables), "v1")
    cripple = {"connectivity": 2, "ef_construction": 1, "ef_search": 1}
    crippled = replace(VECTORS, params={**VECTORS.params, **cripple})
    error = refused([HEARD, crippled], tables, home)
    assert isinstance(error, NegativeAnswerError)
    assert "track_vector_index: recall_at_10 is 0." in error.message
    assert "declared at least 0.95" in error.message
    impossible = replace(HEARD, min_quality={"false_positive_rate": 0.0001})
    error = refused([impossible], tables, home)
    assert isinstance(error, NegativeAnswerError)
    assert "declared at most 0.0001" in error.message
    open_index(VECTORS, home)


def test_zero_rows_are_fine(home: Home) -> None:
    empty = {name: table.slice(0, 0) for name, table in marts().items()}
    heard, vectors = build(BOTH, home, Reader(empty), "v1")
    assert (heard.rows, vectors.rows) == (0, 0)
    assert vectors.quality["recall_at_10"] is None
    assert [status.problems for status in check(BOTH, home, at("v1"))] == [(), ()]
    assert open_index(VECTORS, home).value.search([1.0], 3) == [[]]
    assert not open_filter(HEARD, home).value.contains("l1", "t00001")


def test_wrong_keys_are_refused_with_examples(home: Home) -> None:
    tables = marts()
    build(BOTH, home, Reader(tables), "v1")
    heard = tables[HEARD.relation]
    twice = pa.concat_tables([heard, heard.slice(5, 1)])
    error = refused([HEARD], {HEARD.relation: twice}, home)
    assert "heard_tracks_filter" in error.message
    assert "1 keys more than once" in error.message
    assert "'listener_id': 'l5', 'track_id': 't00005'" in error.message
    nulls = pa.table({"listener_id": ["a", "b"], "track_id": pa.array(["x", None])})
    error = refused([HEARD], {HEARD.relation: nulls}, home)
    assert "1 rows without track_id" in error.message
    assert "'listener_id': 'b'" in error.message
    numbers = pa.table({"listener_id": ["a"], "track_id": [1]})
    error = refused([HEARD], {HEARD.relation: numbers}, home)
    assert "track_id of type int64, not string" in error.message


def test_an_error_in_the_second_artifact_releases_nothing(home: Home) -> None:
    tables = marts()
    build(BOTH, home, Reader(tables), "v1")
    changed = tables | {VECTORS.relation: tables[VECTORS.relation].slice(0, 3)}
    changed[VECTORS.relation] = pa.concat_tables([changed[VECTORS.relation]] * 2)
    assert "track_vector_index" in refused(BOTH, changed, home).message


def test_building_some_keeps_the_others_and_drops_the_undeclared(home: Home) -> None:
    build(BOTH, home, Reader(marts()), "v1")
    (heard,) = build(BOTH, home, Reader(marts(70)), "v2", [HEARD.name])
    assert (heard.version, heard.rows) == ("v2", 70)
    statuses = check(BOTH, home)
    versions = [status.receipt.version for status in statuses if status.receipt]
    assert versions == ["v2", "v1"]
    assert [status.problems for status in statuses] == [(), ()]
    build([HEARD], home, Reader(marts()), "v3")
    assert all(name.startswith("filters/") for name in contents(home))


def test_a_damaged_artifact_is_not_kept(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    build(BOTH, home, Reader(marts()), "v1")
    (home.artifacts / "current" / VECTORS.path).write_bytes(b"damaged")
    build(BOTH, home, Reader(marts()), "v2", [HEARD.name])
    assert "track_vector_index is left out" in capsys.readouterr().err
    assert overview([VECTORS], home)[0].problems == ("not built",)


def test_unknown_names_are_refused_with_the_known_ones(home: Home) -> None:
    with pytest.raises(EncoreError, match=r"called x; known are heard_tracks_filter, t"):
        build(BOTH, home, Reader(marts()), "v1", ["x"])


def test_the_last_two_releases_are_kept_and_leftovers_swept(home: Home) -> None:
    for number in range(4):
        build([HEARD], home, Reader(marts(10)), f"v{number}")
    releases = home.artifacts / "releases"
    assert sorted(path.name for path in releases.iterdir()) == ["000003", "000004"]
    # What builds leave that are killed while writing, and just before the switch.
    (home.artifacts / "building" / "x").mkdir(parents=True)
    (releases / "000005").mkdir()
    (home.artifacts / "current.new").symlink_to("releases/000005")
    build([HEARD], home, Reader(marts(10)), "v5")
    assert sorted(path.name for path in releases.iterdir()) == ["000004", "000006"]
    assert sorted(path.name for path in home.artifacts.iterdir()) == [
        "build.lock",
        "current",
        "releases",
    ]
    assert open_filter(HEARD, home).value.contains("l0", "t00000")


def test_artifacts_follow_the_published_marts_and_back(home: Home) -> None:
    for number in (1, 2, 3):
        builders.build(BOTH, home, Reader(marts(10)), at(f"v{number}"))
    assert not (home.artifacts / "current").exists()
    assert not follow(BOTH, home, at("v9"))
    assert follow(BOTH, home, at("v2"), [at("v1"), at("v8")])
    assert check(BOTH, home, at("v2"))[0].problems == ()
    assert [path.name for path in stored_releases(home)] == ["000002", "000001"]
    assert follow(BOTH, home, at("v1"), [at("v2")])
    assert check(BOTH, home, at("v1"))[0].problems == ()
    # One artifact of another build: no release of these marts.
    builders.build(BOTH, home, Reader(marts(10)), at("v4"), [HEARD.name])
    assert not follow(BOTH, home, at("v4"))
    assert check(BOTH, home, at("v1"))[0].problems == ()


def test_a_second_build_is_refused_while_one_runs(home: Home) -> None:
    def read_slowly(model: str, columns: Sequence[str]) -> pa.Table:
        with pytest.raises(EncoreError, match="Another build of artifacts runs"):
            build([HEARD], home, Reader(marts()), "v2")
        return Reader(marts())(model, columns)

    assert build([HEARD], home, read_slowly, "v1")[0].version == "v1"


def test_a_folder_that_cannot_be_written_is_named(home: Home) -> None:
    home.root.mkdir()
    home.artifacts.write_text("a file where the folder should be")
    with pytest.raises(EncoreError, match=r"cannot be written to .*artifacts"):
        build([HEARD], home, Reader(marts()), "v1")


def _build_for_ever(root: Path) -> None:
    home = Home(root)
    for number in range(10_000):
        build([HEARD], home, Reader(marts(20 + number % 3)), f"v{number}")
        # A reader on a busy machine must not sleep through two releases.
        time.sleep(0.05)


def test_readers_see_whole_releases_while_builds_run_and_die(home: Home) -> None:
    build([HEARD], home, Reader(marts(20)), "v")
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        builder = context.Process(target=_build_for_ever, args=(home.root,))
        builder.start()
        seen: set[str] = set()
        deadline = time.monotonic() + 60
        while len(seen) < 8 and time.monotonic() < deadline:
            # The link must be there at every moment: most of the time is spent here.
            assert all((home.artifacts / "current").is_symlink() for _ in range(2_000))
            recorded = check([HEARD], home)[0]
            assert recorded.problems == ()
            assert open_filter(HEARD, home).value.contains("l0", "t00000")
            assert recorded.receipt is not None
            seen.add(recorded.receipt.version)
        assert builder.pid is not None
        os.kill(builder.pid, signal.SIGKILL)
        builder.join()
        assert len(seen) >= 8
        assert check([HEARD], home)[0].problems == ()
    build([HEARD], home, Reader(marts(20)), "last")
    assert check([HEARD], home, at("last"))[0].problems == ()


def test_declared_reads_the_manifest_of_the_project(tmp_path: Path) -> None:
    with pytest.raises(EncoreError, match=r"target.manifest\.json"):
        declared(tmp_path / "target")
    (tmp_path / "target").mkdir()
    content = json.dumps({"nodes": {}, "exposures": {}})
    (tmp_path / "target" / "manifest.json").write_text(content)
    assert declared(tmp_path / "target") == []


def test_speed_runs_add_to_filters_of_pairs_heard_alone() -> None:
    assert deltas.has_delta(HEARD)
    assert not deltas.has_delta(replace(HEARD, model="fct_track_neighbours"))
    assert not deltas.has_delta(VECTORS)
