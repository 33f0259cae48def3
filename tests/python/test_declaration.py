"""The declarations of artifacts: what is read from a manifest, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from python_hooks.artifact_builders import BUILDERS
from python_hooks.declaration import read
from python_hooks.errors import EncoreError

VECTORS: dict[str, Any] = {
    "builder": "ann_index",
    "path": "track_vectors.faiss",
    "key": "track_id",
    "params": {
        "vector": "vector",
        "metric": "cosine",
        "connectivity": 32,
        "ef_construction": 200,
        "ef_search": 128,
    },
    "min_quality": {"recall_at_10": 0.95},
}
HEARD: dict[str, Any] = {
    "builder": "bloom_filter",
    "path": "heard_tracks.bloom",
    "key": ["listener_id", "track_id"],
    "params": {"false_positive_rate": 0.01},
    "min_quality": {"false_positive_rate": 0.015},
}
WORDS: dict[str, Any] = {
    "builder": "inverted_index",
    "path": "track_search",
    "key": "track_id",
    "params": {"fields": ["title"], "musical_key": "musical_key"},
    "min_quality": {"overlap_at_10": 0.99},
    "measured_against": "track_terms",
}
PARENTS = {
    "track_search_index": ["model.encore.track_terms", "model.encore.dim_tracks"],
    "track_vector_index": ["model.encore.feat_tracks"],
    "heard_tracks_filter": ["model.encore.fct_listener_track_rfm"],
}


def manifest(folder: Path, parents: dict[str, list[str]] | None = None, **meta: Any) -> Path:
    """Writes a manifest of four models and the given exposures, as dbt 1.11 does."""
    models = {
        "feat_tracks": ["track_id", "vector"],
        "fct_listener_track_rfm": ["listener_id", "track_id", "frequency"],
        "dim_tracks": ["track_id", "title", "musical_key"],
        "track_terms": ["term", "field", "track_id", "bm25"],
    }
    content = {
        "nodes": {
            f"model.encore.{name}": {
                "name": name,
                "resource_type": "model",
                "relation_name": f"`encore`.`{name}`",
                "columns": {column: {"name": column} for column in columns},
            }
            for name, columns in models.items()
        }
        | {
            "model.encore.int_tracks": {
                "name": "int_tracks",
                "resource_type": "model",
                "relation_name": None,
                "columns": {"track_id": {}, "vector": {}},
            },
            "seed.encore.pitches": {
                "name": "pitches",
                "resource_type": "seed",
                "relation_name": "encore.pitches",
                "columns": {},
            },
        },
        "exposures": {
            f"exposure.encore.{name}": {
                "name": name,
                "description": f"What {name} is for.",
                "original_file_path": "models/marts/_marts__exposures.yml",
                "depends_on": {"nodes": (PARENTS | (parents or {}))[name]},
                "config": {"meta": {} if declared is None else {"artifact": declared}},
                "meta": {},
            }
            for name, declared in meta.items()
        },
    }
    path = folder / "target" / "manifest.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_reads_what_the_exposures_say(tmp_path: Path) -> None:
    path = manifest(tmp_path, track_vector_index=VECTORS, heard_tracks_filter=HEARD)
    heard, vectors = read(path, BUILDERS)
    assert (heard.name, heard.builder, heard.path) == (
        "heard_tracks_filter",
        "bloom_filter",
        "heard_tracks.bloom",
    )
    assert heard.relation == "encore.fct_listener_track_rfm"
    assert heard.key == ("listener_id", "track_id")
    assert heard.columns == ("listener_id", "track_id", "frequency")
    assert heard.min_quality == {"false_positive_rate": 0.015}
    assert (vectors.model, vectors.key) == ("feat_tracks", ("track_id",))
    assert vectors.params == VECTORS["params"]
    assert vectors.description == "What track_vector_index is for."


def test_reads_meta_beside_config_and_skips_other_exposures(tmp_path: Path) -> None:
    path = manifest(tmp_path, track_vector_index=None, heard_tracks_filter=None)
    content = json.loads(path.read_text())
    content["exposures"]["exposure.encore.heard_tracks_filter"]["meta"] = {"artifact": HEARD}
    path.write_text(json.dumps(content))
    assert [artifact.name for artifact in read(path, BUILDERS)] == ["heard_tracks_filter"]


def test_bare_min_quality_is_the_only_measure(tmp_path: Path) -> None:
    path = manifest(tmp_path, track_vector_index=VECTORS | {"min_quality": 0.9})
    assert read(path, BUILDERS)[0].min_quality == {"recall_at_10": 0.9}


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(EncoreError) as caught:
        read(path, BUILDERS)
    for part in parts:
        assert part in f"{caught.value.message} {caught.value.hint}"


def test_missing_manifest(tmp_path: Path) -> None:
    refused(tmp_path / "manifest.json", "manifest.json", "Run `encore dbt build` first")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[]", b"{}"])
def test_unreadable_manifest(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    refused(path, "manifest.json", "encore dbt build")


def test_manifest_that_is_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "cannot be read")


PARAMS = VECTORS["params"]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"builder": "annoy"}, ["'annoy'", "ann_index, bloom_filter"]),
        ({"builder": ["ann_index"]}, ["['ann_index']", "ann_index, bloom_filter"]),
        ({"key": 5}, ["key 5", "track_id, vector"]),
        ({"key": []}, ["one key column"]),
        ({"key": "song_id"}, ["'song_id'", "feat_tracks", "track_id, vector"]),
        ({"key": ["track_id", "vector"]}, ["track_id, vector", "one key column"]),
        ({"pfad": "x"}, ["unknown field pfad", "builder, path, key"]),
        ({"params": {**PARAMS, "ef": 3}}, ["unknown parameter ef", "ef_search"]),
        ({"params": {"vector": "vector"}}, ["missing parameter metric, connectivity"]),
        ({"params": [1]}, ["parameters are [1]"]),
        ({"params": {**PARAMS, "ef_search": "many"}}, ["ef_search is 'many'", "int"]),
        ({"params": {**PARAMS, "ef_search": True}}, ["ef_search is True"]),
        ({"params": {**PARAMS, "ef_search": 0}}, ["ef_search is 0", "1-10000"]),
        ({"params": {**PARAMS, "connectivity": 1}}, ["connectivity is 1", "2-256"]),
        ({"params": {**PARAMS, "metric": "l2"}}, ["'l2'", "cosine"]),
        ({"params": {**PARAMS, "vector": "vektor"}}, ["'vektor'", "track_id, vector"]),
        ({"min_quality": {"recall": 1}}, ["unknown min_quality recall", "recall_at_10"]),
        ({"min_quality": "good"}, ["recall_at_10 is 'good'", "float"]),
        ({"path": "../x.faiss"}, ["'../x.faiss'", "inside the artifacts folder"]),
        ({"path": "/x.faiss"}, ["'/x.faiss'", "inside the artifacts folder"]),
        ({"path": "a/../../x"}, ["'a/../../x'", "inside the artifacts folder"]),
        ({"path": "..\\x.faiss"}, ["inside the artifacts folder"]),
        ({"path": ""}, ["''", "inside the artifacts folder"]),
    ],
)
def test_refuses_a_wrong_declaration(
    tmp_path: Path, change: dict[str, Any], parts: list[str]
) -> None:
    path = manifest(tmp_path, track_vector_index=VECTORS | change)
    refused(
        path,
        "track_vector_index",
        "models/marts/_marts__exposures.yml",
        "encore dbt build",
        *parts,
    )


def test_refuses_a_missing_field_and_no_mapping(tmp_path: Path) -> None:
    without = {name: value for name, value in VECTORS.items() if name != "path"}
    refused(manifest(tmp_path, track_vector_index=without), "missing field path")
    refused(manifest(tmp_path, track_vector_index="ann_index"), "'ann_index'")


@pytest.mark.parametrize("rate", [0, 1, -0.5])
def test_refuses_a_rate_that_is_none(tmp_path: Path, rate: float) -> None:
    params = {"params": {"false_positive_rate": rate}}
    refused(manifest(tmp_path, heard_tracks_filter=HEARD | params), f"is {rate}")


def test_refuses_a_filter_of_single_keys(tmp_path: Path) -> None:
    declared = HEARD | {"key": "track_id"}
    refused(manifest(tmp_path, heard_tracks_filter=declared), "track_id", "pairs")


@pytest.mark.parametrize(
    ("parents", "part"),
    [
        ([], "0 parents (none)"),
        (
            ["model.encore.feat_tracks", "model.encore.fct_listener_track_rfm"],
            "2 parents (feat_tracks, fct_listener_track_rfm)",
        ),
        (["seed.encore.pitches"], "seed.encore.pitches, which is not a model"),
        (["model.encore.gone"], "model.encore.gone, which is not a model"),
        (["model.encore.int_tracks"], "int_tracks is ephemeral"),
    ],
)
def test_refuses_other_parents_than_one_model(
    tmp_path: Path, parents: list[str], part: str
) -> None:
    path = manifest(tmp_path, {"track_vector_index": parents}, track_vector_index=VECTORS)
    refused(path, "track_vector_index", part)


def test_reads_what_an_artifact_is_built_from_and_measured_against(tmp_path: Path) -> None:
    words = read(manifest(tmp_path, track_search_index=WORDS), BUILDERS)[0]
    assert (words.model, words.relation) == ("dim_tracks", "encore.dim_tracks")
    assert words.reference == "track_terms"


@pytest.mark.parametrize(
    ("reference", "parents", "parts"),
    [
        (None, None, ["measured_against is ''", "track_terms, dim_tracks"]),
        ("terms", None, ["measured_against is 'terms'", "track_terms, dim_tracks"]),
        (["track_terms"], None, ["measured_against is ['track_terms']"]),
        ("dim_tracks", None, ["dim_tracks has no term, bm25, but track_id, title"]),
        ("track_terms", ["model.encore.track_terms"], ["0 parents"]),
        ("gone", ["model.encore.dim_tracks", "model.encore.gone"], ["is not a model"]),
    ],
)
def test_refuses_to_measure_against_what_is_no_parent(
    tmp_path: Path, reference: Any, parents: list[str] | None, parts: list[str]
) -> None:
    declared = WORDS | {"measured_against": reference}
    names = {"track_search_index": parents} if parents else None
    refused(manifest(tmp_path, names, track_search_index=declared), *parts)


def test_refuses_to_measure_an_index_that_measures_itself(tmp_path: Path) -> None:
    declared = VECTORS | {"measured_against": "feat_tracks"}
    path = manifest(tmp_path, track_vector_index=declared)
    refused(path, "ann_index is measured against no other model")


@pytest.mark.parametrize(
    "other",
    [
        "track_vectors.faiss",
        "Track_Vectors.faiss",
        "track_vectors.faiss.json",
        "track_vectors.faiss.keys.arrow",
        "track_vectors.faiss/heard.bloom",
    ],
)
def test_refuses_two_artifacts_that_write_the_same_files(tmp_path: Path, other: str) -> None:
    declared = HEARD | {"path": other}
    path = manifest(tmp_path, track_vector_index=VECTORS, heard_tracks_filter=declared)
    refused(path, "heard_tracks_filter", "track_vector_index", other)
