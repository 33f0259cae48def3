"""Tests of the tests: each fault that layers are prone to, put into a copy of the project
on purpose, is caught by the comparison with the recompute.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from python_hooks import server
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from tests.python.installation import BUILD, Installation
from tests.python.interleaving import SEGMENTS, Interleaving

pytestmark = [
    pytest.mark.warehouse,
    pytest.mark.skipif(not os.environ.get("ENCORE_DEEP"), reason="part of `make test-deep`"),
]

NEWEST_CANDIDATE = """
    {%- if place and execute and relation.identifier == 'rf_segments' -%}
        {%- for row in run_query("show schemas like 'encore_build_all_*'").rows
            if run_query('show tables in ' ~ row[0] ~ " like 'rf_segments'") | length -%}
            {%- do place.update({'build': row[0]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return("""
PUBLISHED_NOW = """batch_id > (
    select max(upto) from encore.publication
    where model = 'int_listens_log' and until is null
)"""


def moves_the_watermark(run: Interleaving) -> None:
    """Batches are published after the hourly layer has compacted more than they hold."""
    run.begin()
    for _ in range(2):
        run.speed("minute")
        run.land(run.files.listens(), is_catalogue=False)
        build, holds = run.unpublished(), run.newest
        run.land(run.files.listens(), is_catalogue=False)
        run.speed("hourly")
        run.publish(build)
        release = run.check("adopted", run.newest)
        assert (release.batch, release.hourly) == (holds, run.newest)
    run.reread_pinned()


def lets_a_candidate_fail(run: Interleaving) -> None:
    """A seed's edit fails its test and is taken back; marts that read it are built."""
    run.begin()
    test = run.on.project / "tests" / "data" / "no_heroes.sql"
    test.write_text("select * from {{ ref('rf_segments') }} where rf_segment = 'heroes'")
    run.on.edit(SEGMENTS, "champions", "heroes")
    run.on.encore("dbt", "build", "-s", "rf_segments", expect=1)
    run.on.edit(SEGMENTS, "heroes", "champions")
    test.unlink()
    run.on.encore("dbt", *BUILD, "-s", "fct_listener_rfm+", "fct_track_rfm+")
    run.on.encore("artifacts", "build")
    run.check("built after a failed candidate", run.newest)


@dataclass(frozen=True)
class Fault:
    """An edit of one file, and the scenario that must notice it."""

    file: str
    old: str
    new: str
    scenario: Callable[[Interleaving], None]


FAULTS = {
    "at_least_the_watermark": Fault(
        "macros/layers/in_hourly_layer.sql", "batch_id >", "batch_id >=", moves_the_watermark
    ),
    "no_history": Fault(
        "models/intermediate/listens/int_listens_tail.sql",
        "and {{ same_listen('first_arrivals', 'seen') }}",
        "and {{ same_listen('first_arrivals', 'seen') }} and false",
        moves_the_watermark,
    ),
    "no_batch_id": Fault(
        "models/intermediate/aggregates/agg_listener_tracks_hourly.sql",
        "        batch_id,\n",
        "        max(batch_id) over () as batch_id,\n",
        moves_the_watermark,
    ),
    "watermark_read_later": Fault(
        "macros/layers/in_hourly_layer.sql",
        "'batch_id > ' ~ facts.batch ~",
        f'"{PUBLISHED_NOW}" ~',
        moves_the_watermark,
    ),
    "garbage_by_newest": Fault(
        "macros/publishing/collect_garbage.sql",
        "'select distinct build from ' ~ publication",
        "'select distinct build from ' ~ publication ~ ' where until is null'",
        moves_the_watermark,
    ),
    "failed_candidate": Fault(
        "macros/publishing/ref.sql",
        "\n    {{ return(",
        NEWEST_CANDIDATE,
        lets_a_candidate_fail,
    ),
}


@pytest.mark.parametrize("scenario", [moves_the_watermark, lets_a_candidate_fail])
def test_without_a_fault_nothing_is_wrong(
    scenario: Callable[[Interleaving], None], home: Home, tmp_path: Path
) -> None:
    scenario(prepared(home, tmp_path))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught(name: str, home: Home, tmp_path: Path) -> None:
    fault = FAULTS[name]
    run = prepared(home, tmp_path)
    run.on.edit(fault.file, fault.old, fault.new)
    # A difference in a named mart, or a table that is gone: not just any error.
    with pytest.raises((AssertionError, EncoreError), match=r"(fct|agg|int)_\w+ "):
        fault.scenario(run)


def prepared(home: Home, folder: Path) -> Interleaving:
    """An interleaving on a copy of the project, before its first build."""
    server.start(home)
    return Interleaving(1, Installation.copied(home, folder), folder)
