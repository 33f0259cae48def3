"""A new source needs YAML and SQL, and no Python."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from python_hooks.home import PROJECT, Home

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
    project = tmp_path / "project"
    for folder in ("models", "macros", "seeds", "tests/data", "profiles", "python_hooks"):
        shutil.copytree(PROJECT / folder, project / folder)
    for file in ("dbt_project.yml", "selectors.yml"):
        shutil.copy(PROJECT / file, project / file)
    staging = project / "models" / "staging" / "radio"
    staging.mkdir()
    (staging / "_radio__sources.yml").write_text(SOURCES)
    (staging / "stg_radio__plays.sql").write_text(STAGING)
    # Columns in another order, one under its alias, one that nobody declared.
    (tmp_path / "plays.csv").write_text("mood,time,song,station\ncalm,2024-01-02,s1,KXYZ\n")

    def encore(*args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "python_hooks", *args],
            cwd=project,
            env=os.environ | replace(server_home, target="dev").environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    landed = json.loads(encore("land", str(tmp_path / "plays.csv"), "--json"))
    assert landed[0]["source"] == "radio.plays"
    encore("dbt", "--quiet", "run", "--select", "stg_radio__plays")
    rows = json.loads(encore("show", "stg_radio__plays", "--json"))
    assert [(row["listener_id"], row["track_id"], row["listened_at"]) for row in rows] == [
        ("KXYZ", "s1", "2024-01-02T00:00:00Z")
    ]
