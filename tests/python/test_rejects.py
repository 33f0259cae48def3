"""A file that is mostly unusable stops a build; its rows can be looked at and mended."""

import json
from pathlib import Path

import pytest

from python_hooks import server
from python_hooks.home import Home
from tests.python.encore_command import encore, rows, run
from tests.python.installation import Installation

pytestmark = pytest.mark.warehouse

BUILD = (
    *("dbt", "--quiet", "build", "--select", "+fct_rejected_reasons", "+fct_rejected_rows"),
    *("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
)


def history(folder: Path, name: str, good: int, broken: int) -> str:
    """A file whose last rows have a time that is none."""
    times = [f"2024-01-02T10:{row // 60:02}:{row % 60:02}Z" for row in range(good)]
    lines = [f"ann,{name} {row},{time}" for row, time in enumerate(times + ["soon"] * broken)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["listener,id,timestamp", *lines]) + "\n")
    return str(path)


def test_a_broken_file_stops_the_build_until_it_is_accepted(
    home: Home, tmp_path: Path
) -> None:
    server.start(home)
    # Few rows are not judged, however broken; many are, above a fifth.
    encore(home, "land", history(tmp_path, "few", 1, 98))
    encore(home, "land", history(tmp_path, "a fifth", 80, 20))
    encore(home, *BUILD)
    encore(home, "land", history(tmp_path, "broken", 79, 21))
    stopped = run(home, *BUILD, COLUMNS="200")
    assert stopped.returncode == 1
    said = " ".join(stopped.stderr.split())
    assert "assert_few_rows_are_rejected" in said
    assert "timestamp_unreadable" in said
    assert "broken.csv" in said

    def rejected() -> dict[str, int]:
        found = json.loads(encore(home, "rejects", "--json"))["counts"]
        return {Path(each["source_file"]).stem: each["row_count"] for each in found}

    assert rejected() == {"few": 98, "a fifth": 20}
    encore(home, *BUILD, ENCORE_ACCEPT_REJECTS="yes")
    assert rejected() == {"few": 98, "a fifth": 20, "broken": 21}
    # What was accepted once is not asked about again.
    encore(home, *BUILD)
    found = json.loads(encore(home, "rejects", "--limit", "1", "--json"))
    assert [json.loads(row["landed_row"])["id"] for row in found["rows"]] == ["few 1"]
    assert [(each["row_share"], each["first_line"]) for each in found["counts"]] == [
        (98 / 99, 3),
        (0.2, 82),
        (0.21, 81),
    ]
    assert "21.0%" in encore(home, "rejects", COLUMNS="200")

    # The file is mended and lands again; and the SQL learns what `soon` means.
    encore(home, "land", history(tmp_path, "broken", 100, 0))
    mended = Installation.copied(home, tmp_path)
    cell = "cleaned('`timestamp`')"
    mended.edit(
        "models/staging/landing/stg_landing__listens.sql",
        f"parsed_timestamp({cell})",
        f"""parsed_timestamp('replace(' ~ {cell} ~ ', "soon", "2024-01-03")')""",
    )
    mended.encore(*BUILD)
    assert rejected() == {}
    assert encore(home, "rejects").strip() == "No row was rejected."
    kinds = ("landed", "accepted", "duplicate", "rejected", "unreadable")
    accounts = rows(home, "fct_landing_accounts", "--order-by", "batch_id")
    assert [[row[f"rows_{kind}"] for kind in kinds] for row in accounts] == [
        [99, 99, 0, 0, 0],
        [100, 100, 0, 0, 0],
        [100, 100, 0, 0, 0],
        [100, 21, 79, 0, 0],
    ]
