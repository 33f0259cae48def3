"""The Parquet files of a published mart: where they are, and copies of them."""

import dataclasses
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq

from python_hooks import releases
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.recorded_files import FileFacts, file_facts
from python_hooks.warehouse import Warehouse

RECEIPT = "receipt.json"


@dataclass(frozen=True)
class MartFiles:
    """The files of one model in one release.

    Attributes:
        model: Name of the model.
        release: The release that was published when this was looked up.
        relation: Its physical table, `schema.table`.
        folder: The folder with its Parquet files.
    """

    model: str
    release: str
    relation: str
    folder: Path


@dataclass(frozen=True)
class Export:
    """What `export` says about a copy, in the file `receipt.json` beside it.

    Attributes:
        model: Name of the model.
        release: The release it was copied from.
        relation: The physical table it was copied from.
        rows: Rows of all files.
        schema: Column to Arrow type.
        files: Checksum and size by file name.
        exported_at: UTC, ISO 8601.
    """

    model: str
    release: str
    relation: str
    rows: int
    schema: Mapping[str, str]
    files: Mapping[str, FileFacts]
    exported_at: str


def find(model: str, home: Home) -> MartFiles:
    """The files of a model in the release that is published now.

    They never change, and stay until `keep_minutes` after another build of the model
    was published.

    Raises:
        EncoreError: The server is down, nothing is published, or the model is a view,
            which has no files.
        NegativeAnswerError: There is no such model.
    """
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        relation = release.relation(model)
        folder = _folder(warehouse, relation)
    if folder is None:
        raise EncoreError(
            f"{model} is a view in release {release.release_id}: it has no files.",
            f"Copy its rows with `encore export {model} FOLDER`.",
        )
    return MartFiles(model, release.release_id, relation, folder)


def export(model: str, folder: Path, home: Home) -> Export:
    """Copies a model of the published release into a new folder, with a receipt.

    A table's files are copied as they are; the rows of a view become one file. The
    folder appears when it is complete.

    Raises:
        EncoreError: The folder is there already, the server is down, or nothing is
            published.
        NegativeAnswerError: There is no such model.
    """
    if folder.exists():
        raise EncoreError(
            f"{folder} is there already.", "Give a new folder, or remove this one."
        )
    # Of a name that nothing else has: a folder beside may be anybody's.
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    temporary.mkdir(parents=True)
    try:
        found = _copy(model, temporary, home)
        text = json.dumps(dataclasses.asdict(found), ensure_ascii=False, indent=2)
        (temporary / RECEIPT).write_text(text + "\n", "utf-8")
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return found


def _folder(warehouse: Warehouse, relation: str) -> Path | None:
    """Where a table's files are; None for a view."""
    described = warehouse.query(f"describe table extended {relation}").to_pylist()
    facts = {row["col_name"]: row["data_type"] for row in described}
    place = facts.get("Location")
    return Path(unquote(urlsplit(place).path)) if place else None


def _copy(model: str, target: Path, home: Home) -> Export:
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        relation = release.relation(model)
        folder = _folder(warehouse, relation)
        if folder is None:
            pq.write_table(warehouse.read(relation), target / f"{model}.parquet")
    for path in sorted(folder.glob("*.parquet")) if folder else ():
        shutil.copyfile(path, target / path.name)
    paths = sorted(target.glob("*.parquet"))
    return Export(
        model=model,
        release=release.release_id,
        relation=relation,
        rows=sum(pq.read_metadata(path).num_rows for path in paths),
        schema={field.name: str(field.type) for field in pq.read_schema(paths[0])},
        files={path.name: file_facts(path) for path in paths},
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
