"""Which artifacts the dbt project declares, read from its manifest.

An artifact is declared as an exposure with `config.meta.artifact`, so that the
recipe, the lineage and the documentation are one text:

    exposures:
      - name: heard_tracks_filter
        type: ml
        depends_on: [ref('fct_listener_track_rfm')]
        config:
          meta:
            artifact:
              builder: bloom_filter
              path: heard_tracks.bloom
              key: [listener_id, track_id]
              params: {false_positive_rate: 0.01}
              min_quality: {false_positive_rate: 0.015}
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from python_hooks.errors import EncoreError

_FIELDS = ("builder", "path", "key", "params", "min_quality", "measured_against")


@dataclass(frozen=True)
class Artifact:
    """One declared artifact.

    Attributes:
        name: Name of the exposure.
        builder: Name of the kind, a key of `artifacts.BUILDERS`.
        relation: The mart as readers see it, without quotes (`encore.feat_tracks`).
        model: Name of the dbt model behind the relation.
        columns: Columns that the model declares.
        key: Columns that identify a row.
        path: File or folder below the artifacts folder, with `/` between its parts.
        params: What the builder is told; exactly the names it knows.
        min_quality: Limit per measure; the builder says whether the measure has
            to be at least or at most that.
        description: What the exposure says about itself.
        reference: Name of the dbt model that its quality is measured against
            (`measured_against`); empty where the builder needs none.
    """

    name: str
    builder: str
    relation: str
    model: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    path: str
    params: Mapping[str, Any]
    min_quality: Mapping[str, float]
    description: str
    reference: str = ""


class Kind(Protocol):
    """What a builder module says about the declarations it accepts.

    Attributes:
        PARAMS: The type of every parameter; all of them are required.
        BOUNDS: Per measure of quality, `at least` or `at most`.
        REFERENCE: Columns of the model that quality is measured against; none where
            the rows of the artifact's own model are enough.
    """

    PARAMS: Mapping[str, type]
    BOUNDS: Mapping[str, str]
    REFERENCE: tuple[str, ...]

    def problem(self, artifact: Artifact) -> str:
        """What is wrong with the values of a declaration, or an empty string."""


def read(manifest: Path, kinds: Mapping[str, Kind]) -> list[Artifact]:
    """Reads the declared artifacts, ordered by name.

    Args:
        manifest: `target/manifest.json` as dbt 1.11 writes it.
        kinds: The known builders by name.

    Raises:
        EncoreError: There is no manifest, it cannot be read, or a declaration is
            wrong; the hint names the file to mend.
    """
    content = _content(manifest)
    try:
        artifacts = [
            _artifact(exposure, declared, content["nodes"], kinds)
            for exposure in content["exposures"].values()
            if (declared := _declared(exposure)) is not None
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise EncoreError(
            f"{manifest} is not a manifest of dbt 1.11: {type(error).__name__}: {error}.",
            "Run `encore dbt build` to write it again.",
        ) from error
    artifacts.sort(key=lambda artifact: artifact.name)
    for one, other in combinations(artifacts, 2):
        if _collide(one.path, other.path):
            raise EncoreError(
                f"Artifacts {one.name} and {other.name} would write the same files: "
                f"their paths are {one.path} and {other.path}.",
                "Give one of the two exposures another path, then run `encore dbt build`.",
            )
    return artifacts


def _content(manifest: Path) -> dict[str, Any]:
    try:
        content = json.loads(manifest.read_bytes())
    except FileNotFoundError:
        raise EncoreError(
            f"There is no {manifest}, which says what artifacts are declared.",
            "Run `encore dbt build` first.",
        ) from None
    except (OSError, ValueError) as error:
        raise EncoreError(
            f"{manifest} cannot be read: {error}.",
            "Run `encore dbt build` to write it again.",
        ) from error
    if not isinstance(content, dict):
        raise EncoreError(
            f"{manifest} holds a {type(content).__name__}, not a manifest.",
            "Run `encore dbt build` to write it again.",
        )
    return content


def _declared(exposure: Mapping[str, Any]) -> Any:
    """The declaration of an exposure; None where it declares no artifact."""
    # dbt writes meta under config, and older versions only beside it.
    for meta in ((exposure.get("config") or {}).get("meta"), exposure.get("meta")):
        if meta and "artifact" in meta:
            return meta["artifact"]
    return None


def _artifact(
    exposure: Mapping[str, Any],
    declared: Any,
    nodes: Mapping[str, Any],
    kinds: Mapping[str, Kind],
) -> Artifact:
    name = exposure["name"]

    def wrong(what: str) -> EncoreError:
        return EncoreError(
            f"Artifact {name}: {what}",
            f"Mend exposure {name} in {exposure.get('original_file_path', 'its YAML')}, "
            "then run `encore dbt build`.",
        )

    if not isinstance(declared, dict):
        raise wrong(f"meta.artifact is {declared!r}, not a mapping.")
    if problem := _names_problem("field", declared, _FIELDS, _FIELDS[:3]):
        raise wrong(problem)
    builder, key = declared["builder"], declared["key"]
    if not isinstance(builder, str) or builder not in kinds:
        raise wrong(f"builder {builder!r} is unknown; known are {_listed(kinds)}.")
    kind = kinds[builder]
    reference = declared.get("measured_against") or ""
    parents = exposure["depends_on"]["nodes"]
    if problem := _reference_problem(reference, kind, builder, parents, nodes):
        raise wrong(problem)
    model = _model([node for node in parents if _name(node) != reference], nodes)
    if isinstance(model, str):
        raise wrong(model)
    columns = tuple(model["columns"])
    key = tuple(key) if isinstance(key, list) else (key,)
    for column in key:
        if column not in columns:
            raise wrong(
                f"key {column!r} is not a column of {model['name']}, "
                f"which declares {_listed(columns)}."
            )
    params = declared.get("params") or {}
    min_quality = _min_quality(declared.get("min_quality"), kind)
    artifact = Artifact(
        name=name,
        builder=builder,
        relation=model["relation_name"].replace("`", ""),
        model=model["name"],
        columns=columns,
        key=key,
        path=str(declared["path"]),
        params=params,
        min_quality=min_quality,
        description=exposure.get("description") or "",
        reference=reference,
    )
    if problem := (
        _path_problem(artifact.path)
        or _names_problem("parameter", params, kind.PARAMS, kind.PARAMS)
        or _types_problem("parameter", params, kind.PARAMS)
        or _names_problem("min_quality", min_quality, kind.BOUNDS, ())
        or _types_problem("min_quality", min_quality, dict.fromkeys(kind.BOUNDS, float))
        or kind.problem(artifact)
    ):
        raise wrong(problem)
    return artifact


def _reference_problem(
    reference: Any, kind: Kind, builder: str, parents: Sequence[str], nodes: Mapping[str, Any]
) -> str:
    """What is wrong with the model that quality is measured against."""
    if not kind.REFERENCE:
        return f"a {builder} is measured against no other model." if reference else ""
    found = [parent for parent in parents if _name(parent) == reference]
    if not found:
        names = _listed(map(_name, parents))
        return f"measured_against is {reference!r}, which is none of its parents: {names}."
    model = _model(found, nodes)
    if isinstance(model, str):
        return model
    if missing := [name for name in kind.REFERENCE if name not in model["columns"]]:
        return f"{reference} has no {_listed(missing)}, but {_listed(model['columns'])}."
    return ""


def _model(parents: Sequence[str], nodes: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """The one model an exposure depends on, or what is wrong with its parents."""
    if len(parents) != 1:
        listed = _listed(map(_name, parents)) or "none"
        return (
            f"it depends on {len(parents)} parents ({listed}); "
            "an artifact is built from exactly one model."
        )
    node: Mapping[str, Any] | None = nodes.get(parents[0])
    if node is None or node["resource_type"] != "model":
        return f"it depends on {parents[0]}, which is not a model of this project."
    if not node["relation_name"]:
        return f"its model {node['name']} is ephemeral: there is no table to read."
    return node


def _name(node: str) -> str:
    return node.rsplit(".", 1)[-1]


def _min_quality(declared: Any, kind: Kind) -> Mapping[str, Any]:
    """Limits by measure; a bare value is the limit of the builder's only measure."""
    if declared is None:
        return {}
    if isinstance(declared, dict):
        return declared
    return dict.fromkeys(kind.BOUNDS, declared)


def _names_problem(
    what: str, given: Any, known: Mapping[str, Any] | Sequence[str], required: Any
) -> str:
    if not isinstance(given, Mapping):
        return f"{what}s are {given!r}, not a mapping."
    unknown = [str(name) for name in given if name not in known]
    missing = [name for name in required if name not in given]
    if unknown:
        return f"unknown {what} {_listed(unknown)}; known are {_listed(known)}."
    if missing:
        return f"missing {what} {_listed(missing)}; required are {_listed(required)}."
    return ""


def _types_problem(what: str, given: Mapping[str, Any], types: Mapping[str, type]) -> str:
    for name, value in given.items():
        # A whole number is a number; a boolean, although Python's bool is an int,
        # is neither.
        accepted = (int, float) if types[name] is float else types[name]
        if not isinstance(value, accepted) or isinstance(value, bool):
            return f"{what} {name} is {value!r}, not of type {types[name].__name__}."
    return ""


def _path_problem(path: str) -> str:
    parts = PurePosixPath(path)
    if not parts.name or parts.is_absolute() or ".." in parts.parts or "\\" in path:
        return f"path {path!r} is not a file inside the artifacts folder."
    return ""


def _collide(one: str, other: str) -> bool:
    """Whether two paths are the same, or one is a folder or a side file of the other.

    Cases are folded because some file systems do.
    """
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return long == short or long.startswith((short + ".", short + "/"))


def _listed(names: Any) -> str:
    return ", ".join(names)
