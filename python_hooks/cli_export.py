"""The command that copies a mart for who reads it for long."""

import dataclasses
from pathlib import Path

import click

from python_hooks import mart_files
from python_hooks.cli_output import JSON, MODEL, print_answer
from python_hooks.home import Home


@click.command()
@MODEL
@click.argument("folder", type=click.Path(path_type=Path))
@JSON
def export(model: str, folder: Path, as_json: bool) -> None:
    """Copy a mart's Parquet files, e.g. `encore export training_examples examples/`.

    The folder is new; receipt.json in it names the release and each file's checksum.
    """
    found = mart_files.export(model, folder, Home.from_environment())
    size = sum(facts.bytes for facts in found.files.values())
    shown = (
        f"{found.rows} rows of {model}, release {found.release}: {len(found.files)} files, "
        f"{size / 2**20:.1f} MiB in {folder}."
    )
    print_answer(dataclasses.asdict(found), as_json, shown)
