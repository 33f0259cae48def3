"""What is refused at once: the message says what was wrong, with its value."""

import gzip
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from python_hooks import (
    artifact_builders,
    docs_site,
    evaluation_readers,
    feature_definitions,
    marts,
    server_doors,
    watch,
)
from python_hooks.cli import encore
from python_hooks.errors import EncoreError
from python_hooks.evaluation_data import History
from python_hooks.home import Home

COMMANDS = {
    "show fct_track_rfm --limit many": "--limit many is neither a number nor `all`",
    "evaluate --protocol static": "--protocol static needs a file with a split",
}


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_refuse_what_cannot_be_meant(line: str) -> None:
    done = CliRunner().invoke(encore, line.split(), standalone_mode=False)
    assert isinstance(done.exception, EncoreError)
    assert COMMANDS[line] in done.exception.message


def _no_listens(_folder: Path) -> None:
    columns = ("listener_id", "track_id", "listened_at")
    History.of(pa.table({name: pa.array([], pa.string()) for name in columns}), "plays")


def _archive_without_ratings(folder: Path) -> None:
    with zipfile.ZipFile(folder / "ml.zip", "w") as archive:
        archive.writestr("README", "none")
    evaluation_readers.read(folder / "ml.zip", "movielens")


def _split_of_train_alone(folder: Path) -> None:
    path = folder / "split.csv.gz"
    path.write_bytes(gzip.compress(b"user_id,artist_id,split\n1,2,train\n"))
    evaluation_readers.read_split(path)


def _split_without_columns(folder: Path) -> None:
    path = folder / "split.csv.gz"
    path.write_bytes(gzip.compress(b"user,artist\n1,2\n"))
    evaluation_readers.read_split(path)


def _features_without_manifest(folder: Path) -> None:
    feature_definitions.read(folder)


def _features_of_no_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")
    feature_definitions.read(folder)


def _marts_of_half_a_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    marts.relations()


def _marts_of_no_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")
    marts.relations()


def _docs_of_dev(folder: Path) -> None:
    docs_site.write(Home(folder, target="dev"))


def _both_doors_on_one_port(folder: Path) -> None:
    home = Home(folder)
    server_doors.check_ports_free(replace(home, connect_port=home.thrift_port))


def _watch_a_file(folder: Path) -> None:
    (folder / "plays.csv").touch()
    watch.Watch(Home(folder), folder / "plays.csv").run(threading.Event(), 1)


def _port_that_is_none(_folder: Path) -> None:
    Home.from_environment({"ENCORE_THRIFT_PORT": "many"})


def _artifact_that_is_not_declared(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"nodes": {}, "exposures": {}}')
    artifact_builders.declared_as("heard_tracks_filter")


REFUSED: dict[Callable[[Path], Any], str] = {
    _no_listens: "plays holds no listens",
    _archive_without_ratings: "ml.zip holds neither u.data nor ml-100k.inter",
    _split_of_train_alone: "has no rows of `train`, or none of `test`",
    _split_without_columns: "split.csv.gz cannot be read as a split",
    _features_without_manifest: "manifest.json, which says what features are defined",
    _features_of_no_manifest: "manifest.json cannot be read",
    lambda _folder: marts.relations(): "dbt has not described the project yet",
    _marts_of_half_a_manifest: "manifest.json cannot be read",
    _marts_of_no_manifest: "manifest.json cannot be read",
    _docs_of_dev: "ENCORE_TARGET=dev publishes nothing",
    _both_doors_on_one_port: "Both doors are set to port 10000",
    _watch_a_file: "plays.csv is not a folder",
    _port_that_is_none: "ENCORE_THRIFT_PORT=many is not a port number",
    _artifact_that_is_not_declared: "no artifact called heard_tracks_filter",
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_cannot_work_is_refused_by_name(
    refused: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    with pytest.raises(EncoreError) as raised:
        refused(tmp_path)
    assert REFUSED[refused] in raised.value.message
