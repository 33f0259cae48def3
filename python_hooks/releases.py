"""Releases: which physical tables make up one complete, published set of marts.

The table `encore.publication` says it (macros/publishing): a row per model, where it
is, what it holds, and since and until when it is published. A program that reads two
marts pins a release first and reads both under their physical names; a person reads
the public views, each of which is complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_hooks import marts
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import Home, target_folder
from python_hooks.warehouse import Warehouse

_NOTHING = EncoreError("Nothing is published yet.", "Run `encore run batch`.")
_LOG, _HOURLY, _TAIL = "int_listens_log", "agg_listener_tracks_hourly", "int_listens_tail"


@dataclass(frozen=True)
class Release:
    """One complete set of published models.

    Attributes:
        release_id: Since when it is published, `%Y%m%dT%H%M%S%f` in UTC.
        builds: Model name to the schema that holds its table or view.
        batch: Last batch of the batch layer.
        hourly: Last batch that the hourly layer has compacted, at least `batch`.
        upto: Last batch that the serving marts have seen, at least `hourly`.
    """

    release_id: str
    builds: Mapping[str, str]
    batch: int = 0
    hourly: int = 0
    upto: int = 0

    def relation(self, model: str) -> str:
        """`schema.table` of a model in this release.

        Raises:
            NegativeAnswerError: There is no such model.
        """
        if model not in self.builds:
            raise marts.unknown(model, self.builds)
        return f"{self.builds[model]}.{model}"


@dataclass(frozen=True)
class Kept:
    """A release that is published or can be gone back to.

    Attributes:
        release_id: Its id, for `encore rollback`.
        until: When another one took its place, or None: this one is current.
        lane: What published it: `batch`, `hourly`, `minute`, `all` (a plain dbt build).
        batch: Last batch of its batch layer.
        upto: Last batch that its serving marts have seen.
        models: How many models it holds.
        changed: How many of them are new in it.
        builds: Model name to the schema that holds its table or view.
    """

    release_id: str
    until: str | None
    lane: str
    batch: int
    upto: int
    models: int
    changed: int
    builds: Mapping[str, str]


def schema() -> str:
    """The public schema of the target, as the manifest knows it.

    Raises:
        EncoreError: The manifest is that of another project, or there is none.
    """
    known = marts.relations()
    if "pitch_classes" not in known:
        raise EncoreError(
            f"{target_folder()} holds the manifest of another dbt project.",
            "Run `encore dbt parse`, or unset DBT_TARGET_PATH.",
        )
    return known["pitch_classes"].split(".")[0]


def current(warehouse: Warehouse, home: Home) -> Release:
    """Pins the release that is published now.

    Under a target that does not publish (dev) it is what dbt built last.

    Raises:
        EncoreError: Nothing is published yet.
    """
    if home.target != "prod":
        known = {name: full.split(".")[0] for name, full in marts.relations().items()}
        return Release(home.target, known)
    return published(warehouse, schema())


def published(warehouse: Warehouse, public: str) -> Release:
    """Pins the release that is published in a public schema; raises as `current`."""
    found = _rows(warehouse, "until is null", public)
    if not found:
        raise _NOTHING
    return _release(found)


def unpublished(warehouse: Warehouse, home: Home, build: str) -> Release:
    """What would be published if a build that left a receipt were adopted now."""
    receipt = warehouse.read(f"{build}.receipt").to_pylist()
    try:
        builds = dict(current(warehouse, home).builds)
    except EncoreError:
        builds = {}
    builds |= {row["model"]: row["build"] for row in receipt}
    return Release(build, builds)


def kept(warehouse: Warehouse) -> list[Kept]:
    """All releases that are kept, the newest first."""
    rows = _rows(warehouse, "true")
    found = []
    for published in sorted(
        (row for row in rows if row["model"] == "publication"),
        key=lambda row: str(row["since"]),
        reverse=True,
    ):
        since = published["since"]
        then = [
            row
            for row in rows
            if row["since"] <= since and (row["until"] is None or row["until"] > since)
        ]
        release = _release(then)
        models = [row for row in then if row["model"] != "publication"]
        found.append(
            Kept(
                release_id=since,
                until=published["until"],
                lane=published["build"].rsplit("_", 3)[1],
                batch=release.batch,
                upto=release.upto,
                models=len(models),
                changed=sum(row["since"] == since for row in models),
                builds={row["model"]: row["build"] for row in models},
            )
        )
    return found


def builds_of_kept(warehouse: Warehouse) -> list[dict[str, str]]:
    """Model to build, of each release that is kept, the newest first."""
    rows = _rows(warehouse, "true")
    moments = sorted({row["since"] for row in rows if row["model"] == "publication"})
    return [
        {
            row["model"]: row["build"]
            for row in rows
            if row["since"] <= since and (row["until"] is None or row["until"] > since)
        }
        for since in reversed(moments)
    ]


def _rows(warehouse: Warehouse, where: str, public: str = "") -> list[dict[str, Any]]:
    public = public or schema()
    if not warehouse.query(f"show schemas like '{public}'").num_rows:
        return []
    if not warehouse.query(f"show views in {public} like 'publication'").num_rows:
        return []
    rows: list[dict[str, Any]] = warehouse.read(
        f"{public}.publication", where=where
    ).to_pylist()
    return rows


def _release(rows: list[dict[str, Any]]) -> Release:
    by_model = {row["model"]: row for row in rows}
    log = by_model.get(_LOG)
    batch = log["upto"] if log else 0
    code = log["fingerprint"] if log else ""

    def reached(model: str) -> int:
        row = by_model.get(model)
        same = row is not None and row["fingerprint"] == code
        return max(batch, row["upto"] if row and same else 0)

    return Release(
        release_id=by_model["publication"]["since"] if "publication" in by_model else "",
        builds={model: row["build"] for model, row in by_model.items()},
        batch=batch,
        hourly=reached(_HOURLY),
        upto=reached(_TAIL),
    )


def require_kept(warehouse: Warehouse, release_id: str) -> None:
    """Refuses a release that is not kept; names those that are."""
    rows = _rows(warehouse, "model = 'publication'")
    known = sorted((row["since"] for row in rows), reverse=True)
    if release_id not in known:
        raise NegativeAnswerError(
            f"Release {release_id} is not kept; kept are {', '.join(known) or 'none'}.",
            "List them with `encore releases`.",
        )
