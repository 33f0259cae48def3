"""Landing: what of a file arrives, under which line, and what is refused."""

import csv
import gzip
import io
import itertools
import json
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from python_hooks import csv_text, landing, landing_batches
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home

DATA = PROJECT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data here")
HISTORY = b"id,timestamp,x\n"
TRACKS = (
    "id,danceability,energy,key,loudness,mode,speechiness,acousticness,"
    "instrumentalness,liveness,valence,tempo"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "var")


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(home: Home, batch_id: int | None = None) -> list[dict[str, Any]]:
    found = [b for b in landing.batches(home) if batch_id in (None, b.batch_id)]
    return [row for b in found for row in pq.ParquetFile(b.path).read().to_pylist()]


def land_bytes(folder: Path, content: bytes) -> list[dict[str, Any]]:
    home = Home(root=folder / "var")
    landing.land([write(folder / "a.csv", content)], home)
    return rows_of(home)


def refusal(home: Home, *paths: Path | str, **kwargs: Any) -> EncoreError:
    with pytest.raises(EncoreError) as caught:
        landing.land(paths, home, **kwargs)
    assert landing.is_empty(home)
    return caught.value


def expected(body: str, first_line: int, width: int) -> list[tuple[Any, ...]]:
    """(line, cells or None, raw text or None) of each record, by the csv module.

    A record that a quote leaves open swallows the closing record put after the text:
    its first line is unreadable, and reading goes on with the line after it. A record in
    which a quote is left over after it joined cells is unreadable too.
    """
    closing = "," * width
    ended = body if not body or body[-1] in "\r\n" else body + "\n"
    lines = list(io.StringIO(ended, newline=""))
    reader = csv.reader([*lines, closing + "\n"])
    records = []
    begins = 0
    for cells in reader:
        records.append((begins, reader.line_num, cells))
        begins = reader.line_num
    *records, (last_begins, last_ends, last_cells) = records
    is_open = last_begins != len(lines) or last_ends != len(lines) + 1
    assert is_open or last_cells == [""] * (width + 1)
    found: list[tuple[Any, ...]] = []
    for begins, ends, cells in records:
        text = re.sub(r"(\r\n|\n|\r)\Z", "", "".join(lines[begins:ends]))
        line = first_line + begins
        if not text.strip() and (width > 1 or not text):
            continue
        if len(cells) == width and "\\x" not in text and not joins_cells(cells, text):
            found.append((line, tuple(cell or None for cell in cells), None))
        else:
            found.append((line, None, text))
    if is_open:
        text = re.sub(r"(\r\n|\n|\r)\Z", "", lines[last_begins])
        found.append((first_line + last_begins, None, text))
        rest = "".join(lines[last_begins + 1 :])
        found += expected(rest, first_line + last_begins + 1, width)
    return found


def joins_cells(cells: list[str], text: str) -> bool:
    if not any('"' in cell for cell in cells):
        return False
    try:
        next(csv.reader([text], strict=True))
    except csv.Error:
        return True
    return False


def landed(folder: Path, content: bytes) -> list[tuple[Any, ...]]:
    found = []
    for row in land_bytes(folder, content):
        cells = None
        if row["raw_line"] is None:
            cells = (row["id"], row["timestamp"], json.loads(row["extra"])["x"])
        else:
            assert row["id"] is row["timestamp"] is row["extra"] is row["listener"] is None
        found.append((row["source_line"], cells, row["raw_line"]))
    return found


# --- Lines and cells -------------------------------------------------------------------


@settings(max_examples=250, deadline=None)
@given(st.text(alphabet='ab,"\n\r é\x00\\\t\ufffd', max_size=40))
def test_any_text_is_split_as_the_csv_module_splits_it(body: str) -> None:
    body = body.replace("\\x", "\\")
    with tempfile.TemporaryDirectory() as folder:
        assert landed(Path(folder), HISTORY + body.encode()) == expected(body, 2, 3)


CELLS = st.text(alphabet='ab,"\n\ré', max_size=5)
RECORDS = st.one_of(
    st.lists(CELLS, min_size=3, max_size=3).map(
        lambda cells: ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    ),
    st.sampled_from(["a,b,c", ",,", "", "  ", "a", "a,b,c,d", ",,,"]),
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(RECORDS, min_size=20, max_size=80), st.sampled_from(["\n", "\r\n", "\r"]))
def test_lines_are_right_across_blocks(
    monkeypatch: pytest.MonkeyPatch, records: list[str], end: str
) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 101)
    monkeypatch.setattr(landing_batches, "ROW_GROUP_ROWS", 7)
    body = end.join(records)
    with tempfile.TemporaryDirectory() as folder:
        assert landed(Path(folder), HISTORY + body.encode()) == expected(body, 2, 3)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"a", b",", b'"', b"\n", b"\xff", "é".encode(), b"\xc3", b"\r"]),
        max_size=30,
    )
)
def test_bytes_that_are_not_utf8_make_their_record_unreadable(parts: list[bytes]) -> None:
    body = b"".join(parts)
    escaped = body.decode("utf-8", "backslashreplace")
    with tempfile.TemporaryDirectory() as folder:
        assert landed(Path(folder), HISTORY + body) == expected(escaped, 2, 3)


def test_a_replacement_character_in_the_file_is_no_bad_byte(tmp_path: Path) -> None:
    rows = land_bytes(tmp_path, HISTORY + "a\ufffd,t,\nb\xe9,t,\n".encode() + b"\xff,t,\n")
    assert [row["id"] for row in rows] == ["a\ufffd", "b\xe9", None]
    assert [row["raw_line"] for row in rows] == [None, None, "\\xff,t,"]


def test_an_unclosed_quote_costs_one_line(tmp_path: Path) -> None:
    rows = land_bytes(tmp_path, HISTORY + b'a,t,1\nb,"t,2\nc,t,3\nd,t,4')
    assert [row["source_line"] for row in rows] == [2, 3, 4, 5]
    assert [row["id"] for row in rows] == ["a", None, "c", "d"]
    assert rows[1]["raw_line"] == 'b,"t,2'


def test_a_quote_left_open_in_a_large_file_costs_one_line(tmp_path: Path) -> None:
    line = b"id,2024-01-01T00:00:00Z,0123456789\n"
    after = 2 * csv_text.BLOCK_BYTES // len(line)
    rows = land_bytes(tmp_path, HISTORY + line * 3 + b'b,"t,2\n' + line * after)
    assert len(rows) == 3 + 1 + after
    unreadable = [(r["source_line"], r["raw_line"]) for r in rows if r["raw_line"]]
    assert unreadable == [(5, 'b,"t,2')]
    assert [row["source_line"] for row in rows] == list(range(2, len(rows) + 2))


def test_a_huge_cell_arrives_whole(tmp_path: Path) -> None:
    cell = "x\n" * (csv_text.BLOCK_BYTES // 2 - 100)
    rows = land_bytes(tmp_path, HISTORY + b"a,t,\n" + f'b,"{cell}",\nc,t,\n'.encode())
    assert [row["source_line"] for row in rows] == [2, 3, 3 + cell.count("\n") + 1]
    assert rows[1]["timestamp"] == cell


def test_a_line_longer_than_a_block_is_refused(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "a.csv", HISTORY + b"a,t,\nb," + b"x" * 3 * csv_text.BLOCK_BYTES)
    error = refusal(home, path)
    assert "a.csv" in error.message
    assert "line 3 is longer than" in error.message


def test_only_unreadable_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 128)
    rows = land_bytes(tmp_path, HISTORY + b"a,b\n" * 500)
    assert [row["source_line"] for row in rows] == list(range(2, 502))
    assert {row["raw_line"] for row in rows} == {"a,b"}


def test_lines_count_from_the_file_not_from_the_header(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf\r\n\r\nid,"times\r\ntamp","timestamp"\r\na,,t\r\n\r\nb,,t'
    rows = land_bytes(tmp_path, content)
    assert [(row["id"], row["source_line"]) for row in rows] == [("a", 5), ("b", 7)]


def test_extra_columns_are_json(tmp_path: Path) -> None:
    cell = "".join(map(chr, [*range(0x20), 0x7F, 0x2028])) + '"\\é€𝄞'
    quoted = '"' + cell.replace('"', '""') + '"'
    content = f'id,timestamp," na""me ",n\na,t,{quoted},\nb,t,,1\n'.encode()
    rows = land_bytes(tmp_path, content)
    extras = [json.loads(row["extra"]) for row in rows]
    assert extras == [{'na"me': cell, "n": None}, {'na"me': None, "n": "1"}]


# --- Batches ---------------------------------------------------------------------------


def test_the_parquet_file_is_as_declared(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "h.csv", " User ,track_id,TIMESTAMP,why\n u , i ,, \n")
    (file,) = landing.land([path], home)
    assert (file.source, file.rows, file.unreadable) == (
        "landing.listening_history",
        1,
        0,
    )
    assert file.extra_columns == ("why",)
    (batch,) = landing.batches(home)
    assert batch.path.parent == home.landing / file.source / "chunk=0"
    schema = pq.ParquetFile(batch.path).schema_arrow
    strings = ["id", "timestamp", "listener", "ms_played", "artist", "title"]
    assert schema.names == [
        *strings,
        *("batch_id", "source_file", "source_line", "landed_at", "raw_line", "extra"),
        "is_forgotten",
    ]
    assert all(schema.field(name).type == pa.string() for name in strings)
    assert schema.field("batch_id").type == schema.field("source_line").type == pa.int64()
    assert schema.field("landed_at").type == pa.timestamp("us", "UTC")
    (row,) = rows_of(home)
    assert row.pop("landed_at").tzinfo is not None
    assert row == {
        "id": " i ",
        "timestamp": None,
        "listener": " u ",
        "ms_played": None,
        "artist": None,
        "title": None,
        "batch_id": 1,
        "source_file": str(path),
        "source_line": 2,
        "raw_line": None,
        "extra": '{"why": " "}',
        "is_forgotten": None,
    }


def test_the_listener_of_a_file_that_names_none(
    tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", "id,timestamp\na,t\n")
    named = write(tmp_path / "b.csv", "id,timestamp,user\na,t,\n")
    landing.land([path], home)
    assert landing.land([path], home, listener="me")[0].already_landed
    assert not landing.land([path, named], home, listener="ann")[0].already_landed
    assert "b.csv" in capsys.readouterr().err
    assert [row["listener"] for row in rows_of(home)] == ["me", "ann", None]
    with pytest.raises(EncoreError, match="name is empty"):
        landing.land([path], home, listener=" ")


def test_the_same_content_is_landed_once(tmp_path: Path, home: Home) -> None:
    content = b"id,timestamp\na,t\nb\n"
    first = write(tmp_path / "a.csv", content)
    packed = write(tmp_path / "z.csv.gz", gzip.compress(content))
    one, two = landing.land([packed, first], home)
    assert [one.source_file, two.source_file] == [str(first), str(packed)]
    assert [one.already_landed, two.already_landed] == [False, True]
    assert (one.batch_id, one.rows, one.unreadable) == (1, 2, 1)
    assert (two.batch_id, two.rows, two.unreadable) == (1, 2, 1)
    write(first, content + b"\n")
    assert landing.land([first], home)[0].batch_id == 2
    assert len(landing.batches(home)) == 2


def test_a_number_is_never_used_twice(tmp_path: Path, home: Home) -> None:
    for number in range(1, 4):
        path = write(tmp_path / "a.csv", f"id,timestamp\n{number},t\n")
        assert landing.land([path], home)[0].batch_id == number
    shutil.rmtree(home.landing / "landing.listening_history")
    assert landing.is_empty(home)
    assert landing.land([path], home)[0].batch_id == 4
    (home.landing / "_last_batch_id").unlink()
    write(path, "id,timestamp\nlast,t\n")
    assert landing.land([path], home)[0].batch_id == 5
    (home.landing / "_last_batch_id").write_text("?")
    write(path, "id,timestamp\nmore,t\n")
    with pytest.raises(EncoreError, match="_last_batch_id"):
        landing.land([path], home)


def test_thousand_batches_share_a_folder(tmp_path: Path, home: Home) -> None:
    landing.land([write(tmp_path / "a.csv", "id,timestamp\na,t\n")], home)
    (home.landing / "_last_batch_id").write_text("998")
    paths = [
        write(tmp_path / "more" / f"{i}.csv", f"id,timestamp\n{i},t\n") for i in range(2)
    ]
    landing.land(paths, home)
    found = [(b.batch_id, b.path.parent.name) for b in landing.batches(home)]
    assert found == [(1, "chunk=0"), (999, "chunk=0"), (1000, "chunk=1")]


def test_both_sources_count_with_one_counter(tmp_path: Path, home: Home) -> None:
    write(tmp_path / "in" / "a.csv", TRACKS + "\n" + "1," * 11 + "1\n")
    write(tmp_path / "in" / "b" / "a.CSV", "id,timestamp\na,t\n")
    write(tmp_path / "in" / "readme.md", "no data")
    write(tmp_path / "in" / "._a.csv", b"\0\0")
    files = landing.land([tmp_path / "in"], home)
    assert [(f.batch_id, f.source.split(".")[1]) for f in files] == [
        (1, "track_features"),
        (2, "listening_history"),
    ]
    assert [Path(f.source_file).name for f in files] == ["a.csv", "a.CSV"]


def _land(path: Path, home: Home) -> None:
    landing.land([path], home)


def test_processes_that_land_together_take_turns(tmp_path: Path, home: Home) -> None:
    paths = [write(tmp_path / f"{i}.csv", f"id,timestamp\n{i},t\n") for i in range(4)]
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_land, args=(path, home)) for path in [*paths, paths[0]]]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 5
    assert [batch.batch_id for batch in landing.batches(home)] == [1, 2, 3, 4]


def test_a_killed_landing_leaves_nothing_visible(tmp_path: Path, home: Home) -> None:
    landing.land([write(tmp_path / "a.csv", "id,timestamp\na,t\n")], home)
    path = write(tmp_path / "b.csv", HISTORY + b"a,t,\n" * 3_000_000)
    script = (
        "import sys; from pathlib import Path; from python_hooks import landing; "
        "from python_hooks.home import Home; "
        "landing.land([sys.argv[1]], Home(root=Path(sys.argv[2])))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(home.root)], cwd=PROJECT
    )
    folder = home.landing / "landing.listening_history" / "chunk=0"
    while not list(folder.glob("_batch-*")) and child.poll() is None:
        pass
    child.kill()
    assert child.wait() != 0, "it ended before it could be killed"
    assert [path.name[0] for path in sorted(folder.iterdir())] == ["_", "b"]
    assert len(landing.batches(home)) == 1
    path = write(tmp_path / "b.csv", "id,timestamp\nb,t\n")
    assert landing.land([path], home)[0].batch_id == 2
    assert [path.name[0] for path in folder.iterdir()] == ["b", "b"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "a.csv", HISTORY + b"".join(b"%d,t,\n" % i for i in range(10**5)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        error = refusal(home, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "Cannot write" in error.message
    assert not list(home.landing.rglob("_batch*"))
    assert landing.land([path], home)[0].batch_id == 1


def test_a_lock_is_waited_for_and_a_file_that_changes_meanwhile_is_refused(
    tmp_path: Path, home: Home
) -> None:
    path = write(tmp_path / "a.csv", "id,timestamp\na,t\n")
    script = (
        "import sys; from pathlib import Path; from python_hooks import landing; "
        "from python_hooks.home import Home; "
        "landing.land([sys.argv[1]], Home(root=Path(sys.argv[2])))"
    )
    with landing.lock(home):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(home.root)],
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        assert "waiting" in child.stderr.readline()
        write(path, "id,timestamp\na,t\nb,t\n")
        assert landing.is_empty(home)
    assert "a.csv changed meanwhile" in child.communicate()[1]
    assert landing.is_empty(home)
    assert landing.land([path], home)[0].batch_id == 1


def test_memory_is_bounded_by_row_groups(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 600)
    monkeypatch.setattr(landing_batches, "ROW_GROUP_ROWS", 250)
    path = write(tmp_path / "a.csv", HISTORY + b"a,t,\n" * 1000)
    landing.land([path], home)
    metadata = pq.read_metadata(landing.batches(home)[0].path)
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(sizes) == 1000
    assert max(sizes) < 400


def test_sample_and_own_data_never_mix(tmp_path: Path, home: Home) -> None:
    sample = write(tmp_path / "a.csv", "id,timestamp\na,t\n")
    own = write(tmp_path / "b.csv", "id,timestamp\nb,t\n")
    landing.land([sample], home, origin="sample")
    assert landing.land([sample], home, origin="sample")[0].already_landed
    assert landing.landed_origin(home) == "sample"
    with pytest.raises(EncoreError, match="holds the sample") as caught:
        landing.land([own], home)
    assert "encore reset" in caught.value.hint
    assert len(landing.batches(home)) == 1
    shutil.rmtree(home.landing)
    landing.land([own], home)
    with pytest.raises(EncoreError, match="holds your own data"):
        landing.land([sample], home, origin="sample")


# --- Paths -----------------------------------------------------------------------------


def test_a_file_reached_by_two_ways_is_landed_once(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "in" / "a.csv", "id,timestamp\na,t\n")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "b.csv").symlink_to(path)
    paths: list[Path | str] = [tmp_path / "in", path]
    paths += [str(tmp_path / "*" / "*.csv"), str(tmp_path / "**")]
    (file,) = landing.land(paths, home)
    assert file.source_file == str(path)


def test_a_name_with_pattern_letters_is_a_name(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "a[1].csv", "id,timestamp\na,t\n")
    write(tmp_path / "a1.csv", "id,timestamp\nb,t\n")
    (file,) = landing.land([path], home)
    assert file.source_file == str(path)


def test_a_name_that_is_not_utf8(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / os.fsdecode(b"a\xff.csv"), "id,timestamp\na,t\n")
    landing.land([path], home)
    assert rows_of(home)[0]["source_file"].endswith("a\\xff.csv")


def test_paths_that_name_nothing(tmp_path: Path, home: Home) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    for name, text in {
        "nothing.csv": "does not exist",
        "*.tsv": "Nothing matches",
        "empty": "holds no",
        "pipe": "no regular file",
        "broken": "No such file",
    }.items():
        assert text in refusal(home, str(tmp_path / name)).message, name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "a.csv", "id,timestamp\na,t\n")
    path.chmod(0)
    assert "Permission denied" in refusal(home, path).message


# --- Files that are refused ------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"\n\r\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        ("id,timestamp\n".encode("utf-16"), "UTF-16"),
        ("id,timestamp\n".encode("utf-16-le"), "UTF-16"),
        (b'[{"id": 1}]', "fit no source"),
        (b'[{"id": 1},', "the JSON is damaged or cut short after 1 records"),
        (b'{"id": 1,', "none of its first 1,000 lines is a JSON object"),
        (b'{\n"id": 1\n}', "it holds no objects with keys"),
        (b"[7]", "it holds no objects with keys"),
        (b"PK\x03\x04....", "zip"),
        (b"<html>", "HTML"),
        (gzip.compress(gzip.compress(b"a", mtime=0), mtime=0), "gzip inside gzip"),
        ("id,timestamp,é\n".encode("latin-1"), "not UTF-8"),
        (b"id;timestamp\n", "fit no source"),
        (b"id,id,timestamp\n", "more than one column"),
        (gzip.compress(b"id,timestamp\na,t\n", mtime=0)[:-9], "cut short"),
        (gzip.compress(b"id,timestamp\na,t\n", mtime=0) + b"rubbish", "damaged"),
        (gzip.compress(b"id,timestamp\na,t\n", mtime=0)[:-8] + bytes(8), "damaged"),
        (b"x" * (csv_text.BLOCK_BYTES + 1), "line 1 is longer"),
    ],
)
def test_what_is_no_csv_is_named(
    tmp_path: Path, home: Home, content: bytes, text: str
) -> None:
    good = write(tmp_path / "a.csv", "id,timestamp\na,t\n")
    bad = write(tmp_path / "bad.csv", content)
    error = refusal(home, good, bad)
    assert text in error.message
    assert "bad.csv" in error.message
    assert "nothing was landed" in error.message
    assert "a.csv" not in error.message.replace("bad.csv", "")


def test_all_alien_files_of_a_folder_are_named(tmp_path: Path, home: Home) -> None:
    for name, content in {"a": "id,timestamp\n", "b": "x,y\n", "c": ""}.items():
        write(tmp_path / f"{name}.csv", content)
    message = refusal(home, tmp_path).message
    assert message.startswith("2 of 3 files")
    assert "b.csv" in message
    assert "c.csv" in message
    assert "a.csv" not in message


def test_a_header_that_fits_two_sources(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "a.csv", f"{TRACKS},timestamp,user\n")
    assert "--source landing.listening_history" in refusal(home, path).hint
    (file,) = landing.land([path], home, source="track_features")
    assert (file.source, file.rows) == ("landing.track_features", 0)
    assert file.extra_columns == ("timestamp", "user")
    assert not rows_of(home)
    (other,) = landing.land([path], home, source="landing.listening_history")
    assert not other.already_landed
    assert len({batch.digest for batch in landing.batches(home)}) == 2


# --- Results ---------------------------------------------------------------------------


def test_results_can_be_shown(tmp_path: Path, home: Home) -> None:
    path = write(tmp_path / "[red]a.csv", "id,timestamp,x\n" + "a,t,\n" * 1234 + "b\n")
    files = [landing.land([path], home)[0] for _ in range(2)]
    (first, second) = json.loads(json.dumps(landing.as_dicts(files)))
    assert (first["rows"], first["unreadable"], first["batch_id"]) == (1235, 1, 1)
    assert (first["already_landed"], second["already_landed"]) == (False, True)
    output = io.StringIO()
    Console(file=output, width=300).print(landing.as_table(files))
    text = output.getvalue()
    assert "[red]a.csv" in text
    assert "1,235" in text
    assert text.count("landed before") == 1


@needs_data
def test_real_files_arrive_whole(home: Home) -> None:
    files = landing.land([DATA / "notes", DATA / "classic_rock"], home)
    counts = {Path(f.path).parent.name + "/" + Path(f.path).name: f.rows for f in files}
    assert counts == {
        "classic_rock/plays.csv.gz": 37_673,
        "classic_rock/tracks.csv.gz": 79_617,
        "notes/listening_history.csv": 50,
        "notes/saved_track_features.csv": 1_716,
    }
    assert sum(file.unreadable for file in files) == 0
    plays = rows_of(home, files[0].batch_id)
    with gzip.open(DATA / "classic_rock" / "plays.csv.gz", "rt", newline="") as file:
        for row, play in itertools.zip_longest(plays, csv.DictReader(file)):
            assert row["id"] == (play["spotify_track_id"] or None)
            assert row["title"] == (play["title"] or None)
            assert json.loads(row["extra"]) == {"event_id": play["event_id"]}
