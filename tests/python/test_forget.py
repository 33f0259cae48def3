"""A forgotten listener is in no file, and no file that lands again brings them back."""

import csv
import gzip
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from python_hooks import doctor, forgotten, landing, server
from python_hooks.errors import EncoreError
from python_hooks.forgetting import _empty_landing, forget
from python_hooks.forgetting_search import search
from python_hooks.home import PROJECT, Home
from python_hooks.landing_zone import Batch
from python_hooks.warehouse import Warehouse
from tests.python.encore_command import run
from tests.python.installation import BUILD, Installation, kill
from tests.python.invented_files import FEATURES

NAME = "Zébulon Q."
HEADER = ["listener", "id", "timestamp", "ip", "friend"]
ROWS = [
    [NAME, "a", "2025-01-01", "10.9.8.7", ""],
    [f" {NAME}\u00a0", "b", "2025-01-02", "10.9.8.7", "x"],
    ["ann", "a", "2025-01-03", "10.9.8.6", f"{NAME} and bob"],
    ["ann", "b", "2025-01-04", "10.9.8.6", ""],
    [NAME.lower(), "a", "2025-01-05", "10.9.8.5", f"x{NAME}"],
]
BROKEN = [f"{NAME},a,b,c,d,e,f", "ann,a,b,c,d,e,f"]


@pytest.fixture
def unserved(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
        file.write("".join(f"{line}\n" for line in BROKEN))
    return path


def landed_rows(batch: Batch) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(batch.path).to_pylist()
    return rows


def test_landed_rows_are_emptied_and_keep_their_places(
    unserved: Home, tmp_path: Path
) -> None:
    file = write(tmp_path / f"of {NAME}.csv", ROWS)
    landing.land([file], unserved)
    (batch,) = landing.batches(unserved)
    before = landed_rows(batch)
    assert _empty_landing(NAME, unserved) == 1
    (after,) = landing.batches(unserved)
    assert after == batch
    assert after.facts() | {"rows": "7", "unreadable": "1", "forgotten": "3"} == after.facts()
    name = str(before[0]["source_file"]).replace(NAME, forgotten.REDACTED)
    assert after.facts()["source_file"] == name
    gone = {2, 3, 7}
    for was, now in zip(before, landed_rows(batch), strict=True):
        place = {key: was[key] for key in ("batch_id", "source_line", "landed_at")}
        place["source_file"] = name
        if was["source_line"] in gone:
            assert now == dict.fromkeys(was) | place | {"is_forgotten": True}
        else:
            assert now == was | place | {"extra": now["extra"]}
    extras = [json.loads(str(row["extra"] or "{}")) for row in landed_rows(batch)]
    # As a word of its own; other letters before or after it make another name.
    assert [cells.get("friend") for cells in extras] == [
        *(None, None, "(forgotten) and bob", None, f"x{NAME}", None, None)
    ]


def test_the_list_names_nobody_and_is_its_owners(unserved: Home, tmp_path: Path) -> None:
    landing.land([write(tmp_path / "a.csv", ROWS)], unserved)
    _empty_landing(NAME, unserved)
    path = unserved.root / "forgotten.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "bulon" not in path.read_text()
    listed = forgotten.read(unserved)
    assert listed.knows(f"{NAME} ")
    assert not listed.knows(NAME.upper())
    # The key differs from installation to installation, and so do the hashes.
    assert forgotten.read(Home(tmp_path / "other")).hash(NAME) != listed.hash(NAME)


def test_an_old_file_in_any_spelling_brings_nobody_back(
    unserved: Home, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", ROWS)
    landing.land([file], unserved)
    _empty_landing(NAME, unserved)
    (again,) = landing.land([file], unserved)
    assert again.already_landed
    assert again.forgotten == 3
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + file.read_bytes() + b"\n"))
    turned = write(
        tmp_path / "c.csv",
        [[row[1], row[0], *row[2:]] for row in ROWS],
        ["track_id", "user", *HEADER[2:]],
    )
    nobody = tmp_path / "d.csv"
    nobody.write_text("timestamp,id\n2025-01-01,a\n")
    others = landing.land([packed, turned], unserved)
    assert [each.forgotten for each in others] == [3, 3]
    assert landing.land([nobody], unserved, listener=NAME)[0].forgotten == 1
    assert not any(place for place in search(NAME, unserved).left)


def test_a_rewriting_that_was_killed_goes_on(
    unserved: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        landing.land([write(tmp_path / f"{number}.csv", ROWS[number:])], unserved)

    class Killed(BaseException):
        pass

    calls, replacing = iter(range(10)), Path.replace

    def replace_or_die(self: Path, target: Path) -> Path:
        # The list, the first batch; then the power goes.
        if next(calls) == 2:
            raise Killed
        replacing(self, target)
        return target

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_or_die)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Killed):
            _empty_landing(NAME, unserved)
    assert forgotten.read(unserved).pending
    (half,) = unserved.landing.glob("*/chunk=*/_batch-*")
    # Of a landing that was killed, under a number that was never given.
    half.with_name("_batch-000000000009-0.parquet").write_bytes(half.read_bytes())
    assert "not wholly forgotten" in str(list(doctor._state_folder(unserved)))
    assert _empty_landing(NAME, unserved) == 2
    assert not list(unserved.landing.glob("*/chunk=*/_batch-*"))
    assert search(NAME, unserved).left == ()
    forgotten.settle(unserved, NAME)
    assert not forgotten.read(unserved).pending
    assert "not wholly forgotten" not in str(list(doctor._state_folder(unserved)))


def test_nobody_of_that_name_is_said_and_a_damaged_list_stops_landing(
    unserved: Home, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", ROWS)
    landing.land([file], unserved)
    done = run(unserved, "forget", "nobody", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No landed row is of a listener 'nobody'" in done.stderr
    assert not (unserved.root / "forgotten.json").exists()
    with pytest.raises(EncoreError, match="ENCORE_TARGET=dev publishes nothing"):
        forget(NAME, replace(unserved, target="dev"))
    assert run(unserved, "forget", NAME).returncode == 130, "nobody answered the question"
    (unserved.root / "forgotten.json").write_text("{}")
    with pytest.raises(EncoreError, match="says who was forgotten"):
        landing.land([write(tmp_path / "b.csv", ROWS[1:])], unserved)


def test_what_is_blank_is_the_same_in_python_and_sql() -> None:
    sql = (PROJECT / "macros/parsing/cleaned.sql").read_text()
    blanks = re.findall(r"both '(.*)' from", sql)[0]
    assert blanks.encode().decode("unicode_escape") == forgotten._BLANK


def test_a_search_finds_a_name_in_every_kind_of_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    table = pa.table({"listener_id": [NAME, "b"], "extra": ["", ""], "n": [1, 2]})
    deep = pa.table({"x": [{"listener": [NAME]}], "title": [f"To {NAME}"]})
    for folder in ("landing/a.b/chunk=0", "warehouse/x.db", "artifacts", "logs"):
        (home.root / folder).mkdir(parents=True)
    pq.write_table(table, home.warehouse / "x.db" / "p.parquet", compression="zstd")
    pq.write_table(deep, home.warehouse / "x.db" / "deep.parquet", compression="gzip")
    with pa.OSFile(str(home.artifacts / "t.arrow"), "wb") as sink:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(sink, table.schema, options=options) as writer:
            writer.write_table(table)
    (home.logs / "server.log").write_text(f"Bad value '{NAME}'")
    (home.artifacts / "wide.bin").write_bytes(b"x" + NAME.encode("utf-16-le"))
    (home.artifacts / "in.json").write_text(json.dumps({"a": NAME}))
    (home.artifacts / "b.gz").write_bytes(gzip.compress(b"x" + NAME.encode()))
    (home.artifacts / "other.json").write_text(json.dumps({"a": f"a{NAME}"}))
    (home.artifacts / "half.parquet").write_bytes(b"PAR1" + NAME.encode())
    found = search(NAME, home)
    assert {(Path(place.file).name, place.where) for place in found.left} >= {
        *(("p.parquet", "listener_id"), ("deep.parquet", "listener")),
        *(("deep.parquet", "title"), ("t.arrow", "listener_id"), ("server.log", "bytes")),
        *(("wide.bin", "bytes"), ("in.json", "bytes"), ("b.gz", "bytes")),
        ("half.parquet", "bytes"),
    }
    assert "other.json" not in {Path(place.file).name for place in found.left}
    assert found.same_letters == ()
    # A landed title of the same letters explains them, but never a row.
    landed = pa.table({"title": [NAME], "source_file": [""]})
    pq.write_table(landed, home.landing / "a.b/chunk=0/batch.parquet")
    found = search(NAME, home)
    assert {place.where for place in found.left} == {"listener_id", "listener"}
    assert ("deep.parquet", "title") in {
        (Path(place.file).name, place.where) for place in found.same_letters
    }
    # ... and where landing redacts, nothing explains it.
    landed = pa.table({"title": [NAME], "source_file": [f"{NAME}.csv"]})
    pq.write_table(landed, home.landing / "a.b/chunk=0/batch.parquet")
    assert "source_file" in {place.where for place in search(NAME, home).left}


def test_undeclared_columns_end_in_staging() -> None:
    """`extra` holds what an export has beside the listens: addresses, names."""
    cut = "struct(* except(extra)) as cells"
    for path in (PROJECT / "models").rglob("*.sql"):
        sql = re.sub(r"--.*", "", path.read_text())
        if "source(" in sql:
            assert path.is_relative_to(PROJECT / "models" / "staging"), path
            assert sql.count("*") == sql.count("select *") + sql.count("* except"), path
            assert "select * from source" not in re.sub(r"\s+", " ", sql), path
            assert cut in sql, path
        assert not re.search(r"\bextra\b", sql.replace(cut, "")), path
    for path in (PROJECT / "models").rglob("*.yml"):
        assert "name: extra" not in path.read_text(), path


@pytest.fixture
def served(home: Home, tmp_path: Path) -> Installation:
    server.start(home)
    return Installation.copied(home, tmp_path)


@pytest.mark.warehouse
def test_a_forgotten_listener_is_in_no_file(served: Installation, tmp_path: Path) -> None:
    home = served.home
    # The build's own tests take most of its time.
    plain = ", ".join(repr(option) for option in BUILD)
    served.edit("python_hooks/layers.py", '["build", *options]', f"[{plain}, *options]")
    plays = [
        [who, f"track {number % 7}", f"2025-01-{number + 1:02}T10:00:00Z", "10.9.8.7", NAME]
        for number in range(28)
        for who in (NAME, "ann", "bob", "cid", "dora", "eve")
    ]
    tracks = tmp_path / "tracks.csv"
    with tracks.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "key", "mode", *FEATURES])
        writer.writerows([f"track {n}", n, n % 2, *[n / 10] * 8, 100 + n] for n in range(7))
    history, late = tmp_path / f"{NAME}.csv", tmp_path / "late.csv"
    with history.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *plays])
    write(
        late,
        [[NAME, "track 1", "2025-03-01", "", ""], ["ann", "track 1", "2025-03-02", "", ""]],
    )
    served.encore("land", str(history), str(tracks))
    served.encore("dbt", *BUILD)
    served.encore("artifacts", "build")
    served.encore("land", str(late))
    served.encore("run", "minute")
    # Personal fields are landed, and pass no model.
    assert [
        place for place in search("10.9.8.7", home).left if "warehouse" in place.file
    ] == []
    found = {Path(place.file).parts[-4:] for place in search(NAME, home).left}
    assert len(found) > 20

    killed = served.begin("forget", NAME, "--yes")
    deadline = time.monotonic() + 120
    while not (home.root / "forgotten.json").exists():
        assert time.monotonic() < deadline, killed.communicate()
        time.sleep(0.1)
    time.sleep(5)
    kill(killed)
    assert forgotten.read(home).pending

    done = json.loads(served.encore("forget", NAME, "--yes", "--json"))
    assert done["left"] == done["same_letters"] == []
    assert done["rows_emptied"] == 28 + 2
    assert not forgotten.read(home).pending
    assert len(json.loads(served.encore("releases", "--json"))) == 1
    assert len(list((home.artifacts / "releases").iterdir())) == 1
    # An oracle that knows nothing of the search: no file holds the bytes, decoded or not.
    assert not list(holding(home.root, "bulon"))
    with Warehouse(home) as warehouse:
        listeners = warehouse.read("encore.fct_listener_rfm")["listener_id"].to_pylist()
        accounts = warehouse.read("encore.fct_landing_accounts").to_pylist()
    assert sorted(listeners) == ["ann", "bob", "cid", "dora", "eve"]
    kinds = ("accepted", "duplicate", "superseded", "rejected", "unreadable", "forgotten")
    assert {
        Path(row["source_file"]).name: [row[f"rows_{kind}"] for kind in kinds]
        for row in accounts
    } == {
        "(forgotten).csv": [140, 0, 0, 0, 0, 28],
        "tracks.csv": [7, 0, 0, 0, 0, 0],
        "late.csv": [1, 0, 0, 0, 1, 2],
    }
    served.encore("recommend", NAME, expect=0)
    served.encore("features", "listener", NAME, expect=1)


def holding(root: Path, letters: str) -> Iterator[Path]:
    for path in root.rglob("*"):
        if not path.is_file():
            continue
        if path.suffix == ".parquet":
            text = repr(pq.read_table(path, partitioning=None).to_pylist())
        elif path.suffix == ".arrow":
            text = repr(pa.ipc.open_file(path.read_bytes()).read_all().to_pylist())
        else:
            text = ""
        if letters in text or letters.encode() in path.read_bytes():
            yield path
