"""Features online are those of the marts: by key, in order, fresh, and undamaged."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_hooks import artifacts, feature_definitions, feature_store
from python_hooks.artifact_releases import current_release, delta_path, releases_before
from python_hooks.errors import EncoreError
from python_hooks.feature_store import FeatureTable, build, load, save
from python_hooks.features import Features, open_features
from python_hooks.home import PROJECT, Home
from python_hooks.receipt import read
from python_hooks.recorded_files import file_facts
from tests.python.feature_tables import NEWEST, TYPES, add_deltas, artifact, release, rows
from tests.python.feature_tables import target as manifest

COLUMNS = list(TYPES)
LISTENERS = [(f"l{number}",) for number in range(20_000)]
PAIRS = [(f"l{n % 97}", f"t{n // 3}") for n in range(20_000)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state of encore")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return manifest(tmp_path / "target")


def reader(table: pa.Table, entity: str = "listener", **options: Any) -> Features:
    """A reader of a table, as if it were the mart, without files."""
    with_ttl = definition(entity)
    return Features(
        with_ttl, "v1", build(table, artifact(entity)).value, options.get("delta")
    )


def definition(entity: str) -> feature_definitions.FeatureDefinition:
    key = artifact(entity).key
    return feature_definitions.FeatureDefinition(
        entity,
        f"feat_{entity}s",
        key,
        "last_listened_at",
        timedelta(days=90),
        "Data team",
        1,
        dict.fromkeys(COLUMNS, ""),
    )


def offline(table: pa.Table, key: tuple[str, ...], keys: list[Any]) -> list[dict[str, Any]]:
    """The same look-up in plain Python, in the rows of the mart."""
    known = {tuple(row[name] for name in key): row for row in table.to_pylist()}
    missing = dict.fromkeys(COLUMNS)
    answers = []
    for asked in keys:
        parts = (asked,) if isinstance(asked, str) else asked
        row = known.get(parts)
        at = row["last_listened_at"] if row else None
        age = int(NEWEST.timestamp() // 1) - int(at.timestamp() // 1) if at else None
        answers.append(
            dict(zip(key, parts, strict=True))
            | {name: (row or missing)[name] for name in COLUMNS}
            | {
                "age_s": age,
                "stale": age is not None and age > 90 * 86_400,
                "found": row is not None,
            }
        )
    return answers


@pytest.mark.parametrize("entity", ["listener", "pair"])
def test_ten_thousand_random_keys_are_as_in_the_mart(
    entity: str, home: Home, target: Path
) -> None:
    keys = LISTENERS if entity == "listener" else PAIRS
    table = rows(entity, keys)
    (recorded,) = release(home, {entity: table})
    assert recorded.rows == len(keys)
    assert recorded.quality == {"differing_rows": 0}
    opened = open_features(entity, home, target)
    random = np.random.default_rng(5)
    drawn = [keys[number] for number in random.integers(len(keys), size=10_000)]
    asked = [one[0] if entity == "listener" else one for one in drawn]
    asked[::10] = [("no", "body") if entity == "pair" else "nobody"] * 1_000
    found = opened.get(asked)
    assert opened.release == "v1"
    assert found.num_rows == 10_000
    assert found.to_pylist() == offline(table, artifact(entity).key, asked)
    assert 0 < sum(found["stale"].to_pylist()) < 9_000


@given(
    known=st.sets(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=20),
    others=st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=5),
    buckets=st.integers(1, 2**64 - 1),
)
def test_any_text_is_a_key_and_equal_hashes_are_told_apart(
    known: set[tuple[str, str]], others: list[tuple[str, str]], buckets: int
) -> None:
    def poor(text: bytes) -> int:
        return feature_store.key_hash(text) % buckets

    keys = sorted(known)
    table = rows("pair", keys)
    built = build(table, artifact("pair"), poor)
    assert built.quality == {"differing_rows": 0}
    asked = [*others, *reversed(keys)]
    places = built.value.positions(asked)
    found = built.value.take(places, ["listener_id", "track_id"]).to_pylist()
    for key, row in zip(asked, found, strict=True):
        there = key if key in known else (None, None)
        assert (row["listener_id"], row["track_id"]) == there


def test_one_hash_for_all_keys_is_slow_but_right() -> None:
    table = rows("listener", LISTENERS[:300])
    built = build(table, artifact("listener"), lambda _text: 7)
    assert built.quality == {"differing_rows": 0}
    assert built.value.positions([("l9999",)]).tolist() == [-1]


def test_joined_keys_are_told_apart() -> None:
    table = rows("pair", [("a\x1fb", "c"), ("a", "b\x1fc")])
    opened = reader(table, "pair")
    counts = table["listen_count"].to_pylist()
    asked = [("a\x1fb", "c"), ("a", "b\x1fc")]
    assert opened.get(asked)["listen_count"].to_pylist() == counts


def test_columns_come_in_the_order_asked_and_keys_repeat() -> None:
    opened = reader(rows("listener", LISTENERS[:50]))
    found = opened.get(["l3", "l4", "l3"], ["rf_segment", "listen_count"])
    assert found.column_names == [
        *("listener_id", "rf_segment", "listen_count", "age_s", "stale", "found")
    ]
    first, _, third = found.to_pylist()
    assert first == third
    assert opened.get([]).num_rows == 0
    assert opened.get([]).schema.names == opened.get(["l3"]).schema.names


def test_no_rows_at_all() -> None:
    asked: list[tuple[str, Any]] = [("listener", ["l1"]), ("pair", [("l1", "t1")])]
    for entity, key in asked:
        opened = reader(rows(entity, []), entity)
        (row,) = opened.get(key).to_pylist()
        assert (row["found"], row["stale"], row["age_s"]) == (False, False, None)


@pytest.mark.parametrize(
    ("days", "microseconds", "stale"), [(90, 250_000, False), (90, 250_001, True)]
)
def test_stale_is_older_than_the_ttl_by_whole_seconds(
    days: int, microseconds: int, stale: bool
) -> None:
    # The newest listen is a quarter of a second after a full one.
    at = NEWEST - timedelta(days=days, microseconds=microseconds)
    table = rows("listener", LISTENERS[:3])
    moments = pa.array([NEWEST, at, None], table.schema.field("last_listened_at").type)
    position = table.schema.get_field_index("last_listened_at")
    opened = reader(table.set_column(position, "last_listened_at", moments))
    found = opened.get(["l0", "l1", "l2"], [])
    assert found["stale"].to_pylist() == [False, stale, False]
    assert found["age_s"].to_pylist() == [0, 90 * 86_400 + stale, None]


@pytest.mark.parametrize(
    ("entity", "keys", "said"),
    [
        ("listener", [7], "Key 0 of listener is 7, not a text"),
        ("listener", ["a", None], "Key 1 of listener is None"),
        ("listener", "ann", "The keys of listener are 'ann', not a list"),
        ("listener", ["\udcff"], "Key 0 of listener"),
        ("listener", [("a",)], r"Key 0 of listener is \('a',\)"),
        ("pair", ["ann"], r"Key 0 of pair is 'ann', not texts \(listener_id, track_id\)"),
        ("pair", [("a", "b", "c")], "Key 0 of pair"),
        ("pair", [("a", 1)], "Key 0 of pair"),
    ],
)
def test_wrong_keys_are_refused_with_the_key(entity: str, keys: Any, said: str) -> None:
    with pytest.raises(EncoreError, match=said):
        reader(rows(entity, []), entity).get(keys)


def test_unknown_names_are_refused_with_the_known_ones(home: Home, target: Path) -> None:
    with pytest.raises(EncoreError, match="'album'; known are listener, pair"):
        open_features("album", home, target)
    with pytest.raises(EncoreError, match="listener_features is not built"):
        open_features("listener", home, target)
    with pytest.raises(EncoreError, match="no feature mood, age_s; it has listen_count"):
        reader(rows("listener", [])).get(["a"], ["mood", "listen_count", "age_s"])


def test_a_delta_over_a_batch_equals_a_recompute(home: Home, target: Path) -> None:
    everything = rows("listener", LISTENERS[:3_000], seed=2)
    heard = everything.slice(0, 1_200)
    # Two thousand listeners of the batch; of 200 of them there is news, 1,000 are new.
    before = rows("listener", LISTENERS[1_000:1_200], seed=3)
    batch = pa.concat_tables([before, everything.slice(1_200)])
    release(home, {"listener": batch})
    old = open_features("listener", home, target)
    for turn in range(2):
        # Putting it in place again, over a batch that has seen it, changes nothing.
        add_deltas(home, {"listener": heard}, f"speed {turn}")
        opened = open_features("listener", home, target)
        keys = [key for (key,) in LISTENERS[:3_001]]
        assert opened.get(keys).to_pylist() == offline(everything, ("listener_id",), keys)
        assert opened.release == f"speed {turn}"
        batch = everything
        release(home, {"listener": batch})
        add_deltas(home, {"listener": heard}, f"speed {turn}")
    assert not old.get(["l0"])["found"].to_pylist()[0]


def test_ages_count_to_the_newest_listen_of_batch_and_delta() -> None:
    table = rows("listener", LISTENERS[:20])
    newest = build(table.slice(0, 1), artifact("listener")).value
    opened = reader(table.slice(1), delta=newest)
    assert opened.newest_at.as_py() == NEWEST
    keys = [key for (key,) in LISTENERS[:20]]
    assert opened.get(keys).to_pylist() == offline(table, ("listener_id",), keys)


def test_the_same_mart_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    table = rows("pair", PAIRS[:400])
    order = np.random.default_rng(4).permutation(400)
    # Spark says of a view's columns, and of a table's not, that they hold no nulls.
    strict = pa.schema(
        [
            pa.field(field.name, field.type, field.name in ("vector", "mean_tempo_bpm"))
            for field in table.schema
        ]
    )
    item = pa.field("element", pa.float32(), nullable=False)
    strict = strict.set(5, pa.field("vector", pa.list_(item)))
    for hash_function in (feature_store.key_hash, len):
        contents = []
        for number, one in enumerate((table, table.take(order), table.cast(strict))):
            path = tmp_path / f"{number}.arrow"
            save(build(one.slice(0), artifact("pair"), hash_function), path)
            contents.append(path.read_bytes())
        assert len(set(contents)) == 1


@pytest.mark.parametrize("name", ["batch", "delta"])
def test_damage_is_refused_by_name(name: str, home: Home, target: Path) -> None:
    table = rows("listener", LISTENERS[:500])
    release(home, {"listener": table})
    add_deltas(home, {"listener": table.slice(0, 20)}, "speed")
    open_features("listener", home, target)
    # Else that would answer.
    for before in releases_before(current_release(home), home):
        shutil.rmtree(before)
    path = current_release(home) / artifact("listener").path
    path = delta_path(path) if name == "delta" else path
    content = path.read_bytes()
    random = np.random.default_rng(6)
    for number in range(25):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged if number else content[:-1])
        with pytest.raises(EncoreError, match=r"listener_features: listeners.*is damaged"):
            open_features("listener", home, target)
        (status,) = artifacts.check([artifact("listener")], home)
        assert path.name in status.problems[0]
    path.unlink()
    with pytest.raises(EncoreError, match=r"cannot be read"):
        open_features("listener", home, target)


def test_another_hash_than_recorded_is_refused(tmp_path: Path, home: Home) -> None:
    (recorded,) = release(home, {"listener": rows("listener", LISTENERS[:5])})
    with pytest.raises(EncoreError, match="hash crc32"):
        load(tmp_path, replace(recorded, details={"hash": "crc32"}))


def _release_for_ever(root: Path) -> None:
    home = Home(root)
    for number in range(10_000):
        table = rows("listener", LISTENERS[:200], seed=number)
        counts = pa.array([number] * 200, pa.int64())
        table = table.set_column(1, "listen_count", counts)
        if number % 2:
            add_deltas(home, {"listener": table}, str(number))
        else:
            release(home, {"listener": table}, str(number))


def test_readers_see_whole_releases_and_keep_theirs(home: Home, target: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_release_for_ever, args=(home.root,))
    writer.start()
    kept: dict[str, Features] = {}
    deadline = time.monotonic() + 60
    keys = [key for (key,) in LISTENERS[:200]]
    while len(kept) < 12 and time.monotonic() < deadline:
        if not (home.artifacts / "current").exists():
            continue
        opened = open_features("listener", home, target)
        kept[opened.release] = opened
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert len(kept) >= 12
    for name, opened in kept.items():
        assert set(opened.get(keys)["listen_count"].to_pylist()) == {int(name)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"owner": None}, "exactly entity, join_key"),
        ({"team": "x"}, "exactly entity, join_key"),
        ({"join_key": "name"}, "names the column 'name'"),
        ({"join_key": "listen_count"}, "listen_count, which is no string"),
        ({"event_timestamp": "listen_count"}, "listen_count, which is no timestamp"),
        ({"ttl": "soon"}, "ttl 'soon'"),
        ({"version": 0}, "version 0"),
        ({"entity": "pair"}, "both define the entity pair"),
    ],
)
def test_a_wrong_definition_is_refused(
    wrong: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(EncoreError, match=said):
        feature_definitions.read(manifest(tmp_path, wrong=wrong))


def test_ttl_in_days_and_hours(tmp_path: Path) -> None:
    for text, ttl in (("1 day", timedelta(1)), ("36 hours", timedelta(hours=36))):
        (found, _) = feature_definitions.read(manifest(tmp_path, text))
        assert found.ttl == ttl
        assert found.join_key == ("listener_id",)


def test_a_mapped_file_stays_readable_when_it_is_removed(home: Home) -> None:
    (recorded,) = release(home, {"listener": rows("listener", LISTENERS[:5])})
    path = current_release(home) / artifact("listener").path
    mapped: FeatureTable = load(path, read(path))
    assert file_facts(path).sha256 == recorded.files[path.name].sha256
    path.unlink()
    assert mapped.positions([("l4",)])[0] >= 0
    assert mapped.take(mapped.positions([("l4",)]), ["listener_id"]).num_rows == 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project's own manifest."""
    folder = tmp_path_factory.mktemp("target")
    subprocess.run(
        [Path(sys.executable).with_name("dbt"), "--quiet", "parse"],
        cwd=PROJECT,
        env=os.environ | {"DBT_TARGET_PATH": str(folder), "DBT_PROFILES_DIR": "profiles"},
        check=True,
    )
    return folder


def test_every_defined_feature_is_in_the_store(project: Path) -> None:
    stores = {
        one.params["mart"]: one
        for one in artifacts.declared(project)
        if one.builder == "feature_store"
    }
    definitions = feature_definitions.read(project)
    assert [one.entity for one in definitions] == ["listener", "pair", "track"]
    assert stores.keys() == {one.mart for one in definitions}
    for one in definitions:
        store = stores[one.mart]
        assert store.key == one.join_key
        assert store.columns == (*one.join_key, *one.features), store.model
        assert all(one.features.values())


def test_the_metastore_holds_every_description_of_a_column(project: Path) -> None:
    """With a longer one Hive tries ten times in vain, 20 s, before Spark stores it alone."""
    content = json.loads((project / "manifest.json").read_bytes())
    found = {
        f"{node['name']}.{column['name']}": len(column["description"])
        for node in content["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"].values()
    }
    assert {name: size for name, size in found.items() if size > 255} == {}


def test_every_feature_mart_is_tested_for_its_key(project: Path) -> None:
    content = json.loads((project / "manifest.json").read_bytes())
    tests: dict[str, list[set[str]]] = {}
    for node in content["nodes"].values():
        about = node.get("test_metadata") or {}
        if about.get("name") in ("unique", "unique_combination_of_columns"):
            options = about["kwargs"]
            columns = options.get("combination") or [options["column_name"]]
            mart = node["attached_node"].rsplit(".", 1)[-1]
            tests.setdefault(mart, []).append(set(columns))
    for one in feature_definitions.read(project):
        assert set(one.join_key) in tests[one.mart]
