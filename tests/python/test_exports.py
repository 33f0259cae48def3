"""What people bring of their own: exports of streaming services, as files or archives."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from python_hooks import json_records, landing
from python_hooks.csv_records import Chunk
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.json_text import Record
from python_hooks.landing_report import Bar
from python_hooks.shapes import Shape
from tests.python.conftest import free_home
from tests.python.encore_command import encore
from tests.python.exported_files import (
    ACCOUNT_EXPORT,
    EXTENDED_EXPORT,
    LASTFM,
    LISTENBRAINZ_EXPORT,
    NEW,
    NOBODY,
    A,
    B,
    zipped,
)
from tests.python.installation import Installation


@pytest.fixture
def unserved(tmp_path: Path) -> Home:
    return free_home(tmp_path / "home")


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def landed_rows(home: Home) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in landing.batches(home):
        rows += pq.read_table(batch.path, partitioning=None).to_pylist()
    return rows


def test_an_export_lands_from_its_archive_and_leaves_nothing_beside(
    unserved: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "my_spotify_data.zip", zipped(EXTENDED_EXPORT | ACCOUNT_EXPORT))
    landed = landing.land([path], unserved)
    assert {Path(file.source_file).name: (file.source, file.rows) for file in landed} == {
        "endsong_0.json": ("landing.spotify_history", 2),
        "Streaming_History_Audio_2021-2022_0.json": ("landing.spotify_history", len(NEW)),
        "StreamingHistory_music_0.json": ("landing.spotify_account_history", 2),
        "StreamingHistory_podcast_0.json": ("landing.spotify_account_history", 1),
    }
    assert landed[0].source_file == f"{path}/MyData/endsong_0.json"
    said = " ".join(capsys.readouterr().err.split())
    for name in ("Userdata.json", "Playlist1.json", "Inferences.json", "ReadMeFirst"):
        assert name in said
    assert not list(unserved.run.glob("unpacked-*"))
    # Unpacked it is the same, and known by its content.
    for name, content in EXTENDED_EXPORT.items():
        written(tmp_path / "unpacked" / name, content)
    again = landing.land([tmp_path / "unpacked"], unserved)
    assert [file.already_landed for file in again] == [True, True]


def test_undeclared_keys_are_kept_and_values_are_as_they_are_written(
    unserved: Home, tmp_path: Path
) -> None:
    values = {"id": "x", "timestamp": 1679250600.5, "ms_played": 9007199254740993}
    others = {"é": True, "a": {"b": {"c": 1.50}}, "list": [1, "2"], "no": None}
    written(tmp_path / "a.json", "\ufeff" + json.dumps([values | others, {"id": "y"}, 7]))
    landing.land([tmp_path / "a.json"], unserved, listener="ann")
    first, second, third = landed_rows(unserved)
    assert (first["timestamp"], first["ms_played"]) == ("1679250600.5", "9007199254740993")
    assert json.loads(first["extra"]) == {
        "é": "true",
        "a.b.c": "1.5",
        "list": '["1", "2"]',
        "no": None,
    }
    assert (second["id"], second["timestamp"], second["extra"]) == ("y", None, None)
    assert [row["listener"] for row in (first, second, third)] == ["ann", "ann", None]
    assert [row["source_line"] for row in (first, second, third)] == [1, 2, 3]
    assert (third["raw_line"], third["id"]) == ("7", None)


def test_a_key_that_comes_late_is_no_other_column(unserved: Home, tmp_path: Path) -> None:
    rows = [{"timestamp": "2024-01-02", "id": "x"}] * 1500
    rows.append({"timestamp": "2024-01-03", "id": "y", "listener": "bob", "mood": "calm"})
    written(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    landing.land([tmp_path / "a.jsonl"], unserved)
    last = landed_rows(unserved)[-1]
    assert (last["listener"], last["extra"]) == ("bob", '{"mood": "calm"}')
    assert landed_rows(unserved)[0]["listener"] == "me"


LISTEN = {"timestamp": "2024-01-02", "id": "x"}


def with_number(number: str) -> str:
    return json.dumps([LISTEN])[:-2] + f', "n": {number}}}]'


def test_numbers_are_text_however_long(unserved: Home, tmp_path: Path) -> None:
    long = ("9" * 5000, "1e99999999999999999999", "1679250600.000000")
    for place, number in enumerate(long):
        written(tmp_path / f"{place}.json", with_number(number))
    landing.land([tmp_path], unserved)
    assert [json.loads(row["extra"])["n"] for row in landed_rows(unserved)] == [*long]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_number("[" * 100_000 + "]" * 100_000), "after 0 records"),
        (with_number("NaN"), "NaN is no JSON"),
        (json.dumps([LISTEN] * 1100)[:-1] + ', {"id": "x", "id": "y"}]', "after 1,100 rec"),
        (json.dumps([LISTEN])[:-2] + ', "l": [{"a": 1, "a": 2}]}]', "more than one key 'a'"),
        (json.dumps([LISTEN | {"a": {"b": 1}, "a.b": 2}]), "more than one key 'a.b'"),
        (json.dumps([LISTEN]) + "rubbish", "something follows"),
        (json.dumps([LISTEN] * 9).encode()[:-1] + b', "\xe9"]', "can't decode byte"),
        (json.dumps([LISTEN | {"n": "y" * (5 << 20)}])[:-1], "after 0 records"),
    ],
)
def test_a_damaged_array_is_refused_before_anything_is_written(
    content: str | bytes, says: str, unserved: Home, tmp_path: Path
) -> None:
    written(tmp_path / "0.json", json.dumps([LISTEN]))
    bad = written(tmp_path / "a.json", content)
    with pytest.raises(EncoreError, match=says) as refused:
        landing.land([tmp_path], unserved)
    assert str(bad) in refused.value.message
    assert not landing.batches(unserved)


def test_a_line_that_is_no_object_of_text_is_unreadable(
    unserved: Home, tmp_path: Path
) -> None:
    lines = [
        json.dumps(LISTEN),
        '{"id": "y", "clé": 1}',
        '"\\ud800"',
        '{"id": "z", "timestamp": "t", "\\ud800": "\\ud800"}',
        '{"id": 1} {"id": 2}',
    ]
    content = b"\n".join([*(line.encode("latin-1") for line in lines), b""])
    landing.land([written(tmp_path / "a.jsonl", content)], unserved)
    rows = landed_rows(unserved)
    assert [row["id"] for row in rows] == ["x", None, None, "z", None]
    assert [row["raw_line"] is None for row in rows] == [True, False, False, True, False]
    assert "cl\\xe9" in rows[1]["raw_line"]
    assert rows[3]["extra"] == '{"\\\\ud800": "\\\\ud800"}'


def test_keys_may_differ_in_case_and_the_name_that_has_a_value_holds(
    unserved: Home, tmp_path: Path
) -> None:
    rows = [
        LISTEN | {"ISRC": 1, "track_id": "other"},
        LISTEN | {"isrc": 2, "id": None, "track_id": "y", "empty": {}},
    ]
    landing.land([written(tmp_path / "a.json", json.dumps(rows))], unserved)
    first, second = landed_rows(unserved)
    assert (first["id"], json.loads(first["extra"])) == (
        "x",
        {"ISRC": "1", "track_id": "other"},
    )
    assert (second["id"], json.loads(second["extra"])) == (
        "y",
        {"isrc": "2", "id": None, "empty": "{}"},
    )


def test_what_is_no_listening_is_left_out_of_archives_and_folders_alone(
    unserved: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = {
        "./listens/1.jsonl": json.dumps(LISTEN),
        "feedback.jsonl": "",
        "blank.json": " \n\n",
        "none.json": "[]",
        "big.json": json.dumps({"x": "y" * (5 << 20)}),
    }
    written(tmp_path / "all" / "a.zip", zipped(members))
    written(tmp_path / "all" / "photos.zip", zipped({"1.jpg": b"\xff\xd8"}))
    (landed,) = landing.land([tmp_path / "all"], unserved)
    assert landed.source_file.endswith("a.zip/./listens/1.jsonl")
    assert landed.path == landed.source_file
    said = capsys.readouterr().err
    for name in ("feedback", "blank", "none", "big", "photos.zip/1.jpg"):
        assert name in said
    # A table that fits nothing is refused, in a zip as in a folder.
    written(tmp_path / "b.zip", zipped({"x.jsonl": json.dumps(LISTEN), "y.csv": "a,b\n"}))
    with pytest.raises(EncoreError, match=r"b\.zip/y\.csv: The columns fit no source"):
        landing.land([tmp_path / "b.zip"], unserved)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_progress_ends_at_the_end_and_chunks_are_small(
    packed: bool, name: str, unserved: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [LISTEN | {"id": str(number), "x": "y" * 999} for number in range(20_000)]
    lines = map(json.dumps, rows)
    text = "\n".join(lines) if name.endswith("l") else json.dumps(rows)
    content = gzip.compress(text.encode(), 1) if packed else text.encode()
    told: list[int] = []
    monkeypatch.setattr(Bar, "advance", lambda _, count: told.append(count))
    sizes: list[int] = []

    def chunk(records: list[Record], shape: Shape) -> Chunk:
        sizes.append(len(records))
        return make(records, shape)

    make = json_records._chunk
    monkeypatch.setattr(json_records, "_chunk", chunk)
    landing.land([written(tmp_path / name, content)], unserved)
    assert sum(told) == 2 * len(content)
    assert (sum(sizes), max(sizes) < 10_000) == (20_000, True)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def encrypted(content: bytes) -> bytes:
    """With the flag set that says so, in the local and in the central header."""
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(magic) + offset
        content = content[:at] + bytes([content[at] | 1]) + content[at + 1 :]
    return content


def longer(content: bytes) -> bytes:
    """With a size that is too small, in the central directory."""
    at = content.index(b"PK\x01\x02") + 24
    return content[:at] + (1).to_bytes(4, "little") + content[at + 4 :]


def misnamed(content: bytes) -> bytes:
    """With a name that is said to be UTF-8 and is not."""
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(magic) + offset + 1
        content = content[:at] + bytes([content[at] | 8]) + content[at + 1 :]
    return content.replace(b"1.json", b"\xff.json")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "looks like a zip"),
        (encrypted, "encrypted"),
        (longer, "damaged or cut short"),
        (misnamed, "damaged or cut short"),
    ],
)
def test_a_damaged_archive_is_refused(
    damage: Callable[[bytes], bytes], says: str, unserved: Home, tmp_path: Path
) -> None:
    packed = zipped({"1.json": json.dumps(NEW * 50)})
    path = written(tmp_path / "a.zip", damage(packed))
    with pytest.raises(EncoreError, match=says) as refused:
        landing.land([path], unserved)
    assert str(path) in refused.value.message
    assert not landing.batches(unserved)
    assert not list(unserved.run.glob("unpacked-*"))


def test_a_member_reaches_no_other_folder(unserved: Home, tmp_path: Path) -> None:
    absolute = tmp_path / "evil.json"
    names = ("../../evil.json", str(absolute), "C:\\evil.json")
    path = written(tmp_path / "x" / "a.zip", zipped(dict.fromkeys(names, json.dumps(NEW))))
    landed = landing.land([path], unserved)
    # The content is the same, so it is landed once.
    assert [file.already_landed for file in landed] == [False, True, True]
    assert not list(tmp_path.rglob("*evil*"))


def test_an_archive_without_listens_says_what_it_holds(
    unserved: Home, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.zip", zipped({"Userdata.json": "{}", "b.pdf": "%PDF"}))
    with pytest.raises(EncoreError, match=r"None of 1 files .*Userdata\.json"):
        landing.land([path], unserved)
    path = written(tmp_path / "b.zip", zipped({"b.pdf": "%PDF"}))
    with pytest.raises(EncoreError, match=r"b\.zip holds no \.csv"):
        landing.land([path], unserved)
    named = written(tmp_path / "Userdata.json", '{"username": "x"}')
    with pytest.raises(EncoreError, match=r"fit no source.* The file has 'username'"):
        landing.land([named], unserved)


def test_a_crc_that_is_wrong_is_damage(unserved: Home, tmp_path: Path) -> None:
    packed = bytearray(zipped({"1.json": json.dumps(NEW)}))
    crc = zlib.crc32(json.dumps(NEW).encode()).to_bytes(4, "little")
    at = packed.rindex(crc)
    packed[at] ^= 1
    written(tmp_path / "a.zip", bytes(packed))
    with pytest.raises(EncoreError, match="damaged or cut short"):
        landing.land([tmp_path / "a.zip"], unserved)


@pytest.mark.warehouse
def test_listens_begin_when_they_began_and_keep_no_private_field(
    server_home: Home, tmp_path: Path
) -> None:
    dev = Installation.copied(replace(server_home, target="dev"), tmp_path / "project")
    exports = EXTENDED_EXPORT | ACCOUNT_EXPORT | LISTENBRAINZ_EXPORT
    path = written(tmp_path / "all.zip", zipped(exports))
    scrobbles = written(tmp_path / "scrobbles.csv", LASTFM)
    try:
        dev.encore("land", str(path), str(scrobbles), "--listener", "me too")
        dev.encore(
            *("dbt", "--quiet", "run", "--select", "+int_listens_unioned"),
            *("--exclude", "stg_landing__tracks"),
        )
        shown = encore(dev.home, "show", "int_listens_unioned", "--limit", "all", "--json")
    finally:
        for batch in landing.batches(dev.home):
            batch.path.unlink()
    assert NOBODY not in shown
    assert "very private name" not in shown
    rows = [row for row in json.loads(shown) if str(tmp_path) in row["source_file"]]
    listens: dict[str, list[Any]] = {}
    for row in sorted(rows, key=lambda row: (row["source_file"], row["source_line"])):
        name = row["source_name"].removeprefix("landing.")
        listens.setdefault(name, []).append(
            row["rejection_reason"]
            or (row["listener_id"], row["listened_at"], row["ms_played"], row["track_id"])
        )
    names = {
        (row["artist"], row["title"]): row["track_id"]
        for row in rows
        if row["track_id"] and row["track_id"].startswith("name:")
    }
    lamp = names["The Examples", "Blue Lamp"]
    assert listens["spotify_history"] == [
        ("me too", "2017-05-06T07:07:09Z", 60_000, B),
        ("me too", "2017-05-06T07:07:10Z", 60_000, B),
        ("me too", "2024-01-02T10:00:00Z", 60_000, A),
        ("me too", "2023-03-19T18:31:37Z", 0, B),
        ("me too", "2023-03-19T18:30:37Z", 60_000, A),
        ("me too", "2023-03-19T18:30:37Z", 60_000, A),
        ("me too", "2023-03-31T23:59:30Z", 60_000, lamp),
        "not_music",
        "not_music",
        "private_session",
        "track_missing",
    ]
    # Names are compared without case and blanks, so that they meet across exports.
    assert listens["spotify_account_history"] == [
        ("me too", "2023-03-19T18:29:30Z", 90_000, lamp),
        ("me too", "2023-03-19T18:31:00Z", 0, names["Ö", "É"]),
        "not_music",
    ]
    assert listens["listenbrainz_listens"] == [
        ("ann", "2023-03-19T18:30:00Z", None, A),
        # Where others of the file name a listener, it is not guessed whose this is.
        "listener_missing",
    ]
    assert listens["lastfm_scrobbles"] == [
        ("me too", "2023-03-19T18:30:00Z", None, lamp),
        ("me too", "2023-03-19T18:33:20Z", None, names['Ö, "Ä"', "É, or not"]),
    ]
