"""A new source needs YAML and SQL, and no Python."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from python_hooks.home import Home
from python_hooks.warehouse import Warehouse
from tests.python.installation import Installation

pytestmark = pytest.mark.warehouse

SOURCES = """
version: 2
sources:
  - name: radio
    schema: radio
    description: What a radio station played.
    tables:
      - name: plays
        description: One row per play.
        config: {meta: {landing: {required: [station, song, aired_at]}}}
        columns:
          - {name: station, description: The station.}
          - {name: song, description: The track.}
          - name: aired_at
            description: When it was played.
            config: {meta: {landing: {aliases: [time]}}}
"""
STAGING = """
with

source as (

    select * from {{ source('radio', 'plays') }}

),

typed as (

    select
        {{ cleaned("station") }} as listener_id,
        {{ cleaned("song") }} as track_id,
        source_file,
        batch_id,
        source_line,
        {{ parsed_timestamp(cleaned("aired_at")) }} as listened_at
    from source

)

select * from typed
"""


def test_yaml_and_a_staging_model_add_a_source(server_home: Home, tmp_path: Path) -> None:
    dev = Installation.copied(replace(server_home, target="dev"), tmp_path)
    staging = dev.project / "models" / "staging" / "radio"
    staging.mkdir()
    (staging / "_radio__sources.yml").write_text(SOURCES)
    (staging / "stg_radio__plays.sql").write_text(STAGING)
    # Columns in another order, one under its alias, one that nobody declared.
    (tmp_path / "plays.csv").write_text("mood,time,song,station\ncalm,2024-01-02,s1,KXYZ\n")

    landed = json.loads(dev.encore("land", str(tmp_path / "plays.csv"), "--json"))
    assert landed[0]["source"] == "radio.plays"
    dev.encore("dbt", "--quiet", "run", "--select", "stg_radio__plays")
    rows = json.loads(dev.encore("show", "stg_radio__plays", "--json"))
    assert [(row["listener_id"], row["track_id"], row["listened_at"]) for row in rows] == [
        ("KXYZ", "s1", "2024-01-02T00:00:00Z")
    ]


def test_an_edited_source_takes_no_column_from_production(
    server_home: Home, tmp_path: Path
) -> None:
    production = Installation.copied(server_home, tmp_path / "production")
    dev = Installation.copied(replace(server_home, target="dev"), tmp_path / "dev")
    sources = "models/staging/landing/_landing__sources.yml"
    artist = "          - name: artist\n            description: The artist's name.\n"
    track = "          - name: track\n"
    dev.edit(sources, artist + track, "          - name: by\n" + track)

    def registered(by: Installation) -> list[str]:
        by.encore("dbt", "--quiet", "run-operation", "register_landing")
        with Warehouse(server_home) as warehouse:
            rows = warehouse.query("describe table landing.lastfm_scrobbles").to_pylist()
        return [row["col_name"] for row in rows]

    before = registered(production)
    assert "artist" in before
    assert registered(dev) == [*before, "by"]
    assert registered(production) == before
