"""Nobody gets in: doors, secrets, and names that look like orders."""

import io
import json
import os
import re
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from python_hooks import answer_text, console, landing, server, server_settings
from python_hooks.cli import main
from python_hooks.console import visible, visible_but_colours
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.search_query import parse
from python_hooks.server_doors import require_loopback
from python_hooks.server_settings import connect_token, write_properties
from python_hooks.warehouse import Warehouse, literal
from tests.python.encore_command import run
from tests.python.hostile import NAMES, TYPED

# All that makes a terminal do something, but new lines and tabs.
ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def warehouse(server_home: Home) -> Iterator[Warehouse]:
    with Warehouse(server_home) as session:
        yield session


@pytest.mark.warehouse
def test_every_name_is_data_in_a_condition(warehouse: Warehouse) -> None:
    texts = list(NAMES.values())
    columns = ", ".join(f"{literal(text)} as c{n}" for n, text in enumerate(texts))
    (row,) = warehouse.query(f"select {columns}").to_pylist()
    assert list(row.values()) == texts
    same = " + ".join(f"cast({literal(text)} = {literal(text)} as int)" for text in texts)
    warehouse.query(f"create or replace temp view named as select {columns}")
    assert warehouse.query(f"select {same} as n from named").to_pylist() == [
        {"n": len(texts)}
    ]


@pytest.mark.warehouse
@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_name_to_read_by(warehouse: Warehouse, name: str) -> None:
    """No such table or column: Spark says so, and has run nothing."""
    text = NAMES[name]
    with pytest.raises(EncoreError):
        warehouse.read(f"encore.{text}")
    with pytest.raises(EncoreError):
        warehouse.read("named", [text])
    with pytest.raises(EncoreError):
        warehouse.read("named", order_by=[text])
    with pytest.raises(EncoreError):
        warehouse.read("named", order_by=[f"c0 asc, {text}"])
    assert not Path("/tmp/encore-was-here").exists()  # noqa: S108 - what a name would make


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(EncoreError, match="not UTF-8"):
        literal("a\udcff")


@pytest.mark.parametrize("name", TYPED)
def test_every_name_is_landed_as_it_is(name: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = tmp_path / TYPED[name].replace("/", "_")[:100]
    folder.mkdir()
    quoted = TYPED[name].replace('"', '""')
    (folder / "history.csv").write_text(
        f'timestamp,id,listener\n2026-01-01,"{quoted}","{quoted}"\n', newline=""
    )
    (landed,) = landing.land([folder / "history.csv"], home)
    assert landed.source_file == str(folder / "history.csv")
    (batch,) = landing.batches(home)
    assert batch.path.resolve().is_relative_to(home.landing.resolve())
    (row,) = pq.read_table(batch.path).to_pylist()
    assert list(row.values()).count(TYPED[name]) == 2
    assert not ORDERS.search(_printed(landing.as_table([landed])))


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_no_text_gives_orders_to_a_terminal(text: str) -> None:
    table = Table(text, title=text)
    table.add_row(text)
    table.add_row(Text(text))
    for shown in (text, Text(text), table):
        assert not ORDERS.search(_printed(shown))
    assert not ORDERS.search(answer_text.as_json({text: text}).replace("\n", ""))
    assert not ORDERS.search(visible(text))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_printed_and_no_markup(name: str) -> None:
    said = _printed(NAMES[name])
    assert "red" not in name or "[red]" in said
    kept = re.sub(ORDERS, "", NAMES[name])
    # Rich drops some control characters, and others are one sign each.
    assert re.sub("[\u2400-\u2421\ufffd]", "", said).strip() == kept.strip()
    assert json.loads(answer_text.as_json([NAMES[name]])) == [NAMES[name]]


def test_colours_of_a_program_stay_and_nothing_else() -> None:
    coloured = "\x1b[0m12:00 \x1b[31mERROR\x1b[0m \x1b[2J\x1b]0;x\x07"
    assert visible_but_colours(coloured) == ("\x1b[0m12:00 \x1b[31mERROR\x1b[0m ␛[2J␛]0;x␇")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_searched_for(name: str) -> None:
    query = parse(NAMES[name].replace(":", ": "), ["title"])
    assert all(term.isalnum() for term in query.words)


@pytest.mark.parametrize("name", TYPED)
def test_every_name_as_an_option_is_refused_in_words(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for args in (["show", "--format", TYPED[name], "x"], ["sample", "--key", TYPED[name]]):
        monkeypatch.setattr(sys, "argv", ["encore", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert not ORDERS.search(capsys.readouterr().err)


def test_bytes_of_a_command_line_that_are_no_utf8_are_told(tmp_path: Path) -> None:
    home = Home(tmp_path, thrift_port=1, connect_port=2)
    done = run(home, "land", os.fsdecode(b"\xff\xfe"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_a_state_folder_is_its_owners(tmp_path: Path) -> None:
    makers: tuple[Callable[[Home], object], ...] = (
        _land_something,
        connect_token,
        lambda home: home.make(home.artifacts),
    )
    for number, make in enumerate(makers):
        home = Home(tmp_path / f"{number}" / "home")
        make(home)
        assert home.root.stat().st_mode & 0o777 == 0o700


def _land_something(home: Home) -> None:
    file = home.root.parent / "history.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("timestamp,id\n2026-01-01,a\n")
    landing.land([file], home)


@pytest.mark.warehouse
def test_the_state_folder_of_the_server_is_its_owners(server_home: Home) -> None:
    assert server_home.root.stat().st_mode & 0o777 == 0o700
    process = psutil.Process(server.status(server_home).pid)
    require_loopback(process)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "localhost"])  # noqa: S104
@pytest.mark.parametrize("name", server_settings._ADDRESSES)
def test_another_address_to_listen_on_is_refused(
    name: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = server_settings.DEFAULTS.read_text()
    defaults = tmp_path / "spark-defaults.conf"
    defaults.write_text(re.sub(rf"(?m)^{re.escape(name)} .*$", f"{name} {address}", text))
    monkeypatch.setattr(server_settings, "DEFAULTS", defaults)
    home = Home(tmp_path / "home")
    home.make(home.run)
    with pytest.raises(EncoreError, match=re.escape(f"{name} {address}")) as caught:
        write_properties(home, "1g")
    assert "docs/security.md" in caught.value.hint


def test_a_process_that_listens_to_the_network_is_refused() -> None:
    own = psutil.Process()
    require_loopback(own)
    with (
        socket.create_server(("0.0.0.0", 0)) as listener,  # noqa: S104 - what is refused
        pytest.raises(
            EncoreError, match=rf"listens on 0\.0\.0\.0:{listener.getsockname()[1]}"
        ),
    ):
        require_loopback(own)


@pytest.mark.warehouse
def test_the_token_is_in_no_process_list_file_or_error(server_home: Home) -> None:
    token = connect_token(server_home)
    with pytest.raises(EncoreError) as caught, Warehouse(server_home) as asked:
        asked.query("select nope from nowhere")
    assert token not in str(caught.value)
    for process in psutil.process_iter(["cmdline"]):
        assert token not in " ".join(process.info["cmdline"] or [])
    folders = (server_home.root, Path(os.environ["DBT_TARGET_PATH"]), PROJECT / "docs")
    for folder in (*folders, Path(os.environ["DBT_LOG_PATH"]), PROJECT / "target"):
        for path in folder.rglob("*"):
            if path.is_file() and path.name != "connect.token":
                assert token.encode() not in path.read_bytes(), path


def test_no_variable_of_the_environment_gets_into_what_dbt_writes(
    tmp_path: Path,
) -> None:
    secret = secrets.token_hex()
    home = Home(tmp_path / "home")
    paths = {"DBT_TARGET_PATH": str(tmp_path / "t"), "DBT_LOG_PATH": str(tmp_path / "l")}
    done = run(home, "dbt", "parse", AWS_SECRET_ACCESS_KEY=secret, PASSWORD=secret, **paths)
    assert done.returncode == 0, done.stdout
    assert secret not in done.stdout + done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in written)
    for path in written:
        assert secret.encode() not in path.read_bytes(), path


def _printed(shown: object) -> str:
    stream = io.StringIO()
    with redirect_stdout(stream):
        console.out.print(shown)
    return stream.getvalue()
