"""Shows the rows by which data tests failed: what one wants to see first."""

import json
from collections.abc import Iterator
from pathlib import Path

from python_hooks.answer_text import as_text
from python_hooks.console import as_table, err
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse

_SHOWN = 5


def show(home: Home, target: Path, since: float) -> None:
    """Prints the first rows of every data test that failed, to stderr.

    Args:
        home: The installation; candidates of a failed run stay until the next one.
        target: dbt's target folder.
        since: When the run began, in seconds since 1970; results that are older
            belong to another run.
    """
    failed = list(_failed(target / "run_results.json", since))
    if not failed:
        return
    try:
        with Warehouse(home) as warehouse:
            for name, sql in failed:
                rows = warehouse.query(f"select * from (\n{sql}\n) limit {_SHOWN}")
                cells = [map(as_text, row.values()) for row in rows.to_pylist()]
                title = f"the first rows that fail {name}"
                err.print(as_table(rows.column_names, cells, err.width, title))
    except EncoreError as error:
        err.print(f"The failing rows cannot be shown: {error}")


def _failed(results: Path, since: float) -> Iterator[tuple[str, str]]:
    if not results.exists() or results.stat().st_mtime < since:
        return
    for result in json.loads(results.read_text())["results"]:
        # The failure of a unit test shows its rows itself.
        if result["status"] == "fail" and result["unique_id"].startswith("test."):
            yield result["unique_id"].split(".")[2], result["compiled_code"]
