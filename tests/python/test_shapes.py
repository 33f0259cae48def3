"""Shapes: which table a header belongs to, and which declarations are refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT
from python_hooks.shapes import Column, Match, Shape, load_shapes, match

HISTORY = Shape(
    "landing",
    "history",
    (
        Column("id", ("track_id", "uri_id")),
        Column("at", ("played_at",)),
        Column("listener", ("user",), "me"),
        Column("artist"),
        Column("title"),
    ),
    ((("at",),), (("id",), ("artist", "title"))),
)
TRACKS = Shape(
    "landing",
    "tracks",
    (Column("id"), Column("tempo", ("bpm",))),
    ((("id",),), (("tempo",),)),
)
SHAPES = (HISTORY, TRACKS)
DECLARATION = """
sources:
  - name: landing
    tables:
      - name: plays
        config: {meta: {landing: {required: [at, {any_of: [[id], [artist, title]]}]}}}
        columns:
          - {name: at}
          - {name: id, config: {meta: {landing: {aliases: [track_id], default: none}}}}
          - {name: artist}
          - {name: title}
      - name: other
        columns: [{name: x}]
"""


def declare(folder: Path, text: str) -> Path:
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "deep" / "_x__sources.yml").write_text(text, encoding="utf-8")
    return folder


def assigned(*header: str, source: str | None = None) -> dict[str, str | None]:
    found = match(header, SHAPES, source)
    return dict(zip(found.header, found.assigned, strict=True))


# --- Matching --------------------------------------------------------------------------


def test_names_are_compared_without_bom_blanks_and_case() -> None:
    found = assigned("\ufeff Track_ID ", "AT\t", "Extra")
    assert found == {"Track_ID": "id", "AT": "at", "Extra": None}


def test_the_better_name_of_a_column_wins() -> None:
    found = assigned("uri_id", "track_id", "played_at", "at", "user")
    assert found == {
        "uri_id": None,
        "track_id": "id",
        "played_at": None,
        "at": "at",
        "user": "listener",
    }


def test_alternatives_must_be_there_as_a_whole() -> None:
    assert match(["at", "artist", "title"], SHAPES).shape is HISTORY
    with pytest.raises(EncoreError) as caught:
        match(["at", "artist"], SHAPES)
    assert "lacks id (or track_id, uri_id) or else title" in caught.value.message


def test_a_match_knows_what_is_extra_and_what_is_absent() -> None:
    found = match(["z", "bpm", "id"], SHAPES)
    assert found == Match(TRACKS, ("z", "bpm", "id"), (None, "tempo", "id"))
    assert found.extra == ("z",)
    assert match(["at", "id"], SHAPES).absent == HISTORY.columns[2:]


@given(st.permutations(["at", "ID", "artist", "title", "user", "x", "track_id"]))
def test_the_order_of_columns_never_matters(header: list[str]) -> None:
    assert assigned(*header) == {
        "at": "at",
        "ID": "id",
        "artist": "artist",
        "title": "title",
        "user": "listener",
        "x": None,
        "track_id": None,
    }


def test_a_header_that_fits_two_needs_a_choice() -> None:
    header = ["id", "at", "tempo"]
    with pytest.raises(EncoreError, match=r"fit landing\.history and landing\.tracks") as e:
        match(header, SHAPES)
    assert "--source landing.history" in e.value.hint
    assert match(header, SHAPES, "landing.tracks").shape is TRACKS
    assert match(header, SHAPES, "history").shape is HISTORY


def test_a_choice_does_not_make_a_header_fit() -> None:
    with pytest.raises(EncoreError, match=r"closest is landing\.tracks, which lacks tempo"):
        match(["id", "at"], SHAPES, "tracks")
    with pytest.raises(EncoreError, match="songs is no source") as caught:
        match(["id", "at"], SHAPES, "songs")
    assert "landing.history, landing.tracks" in caught.value.hint
    twins = (TRACKS, Shape("other", "tracks", TRACKS.columns, TRACKS.required))
    with pytest.raises(EncoreError, match="tracks is several sources"):
        match(["id", "bpm"], twins, "tracks")
    assert match(["id", "bpm"], twins, "other.tracks").shape is twins[1]


def test_a_refusal_names_the_closest_shape_what_it_lacks_and_what_is_there() -> None:
    with pytest.raises(EncoreError) as caught:
        match(["BPM", "speed"], SHAPES)
    assert "landing.tracks, which lacks id." in caught.value.message
    assert "The file has 'BPM', 'speed'." in caught.value.message


@pytest.mark.parametrize("header", ["id;at", "id\tat"])
def test_other_separators_are_recognised(header: str) -> None:
    with pytest.raises(EncoreError) as caught:
        match([header], SHAPES)
    assert "commas" in caught.value.hint


def test_a_name_that_occurs_twice_is_refused() -> None:
    with pytest.raises(EncoreError, match="more than one column 'id'"):
        match(["id", "at", "\ufeffID "], SHAPES)


# --- Declarations ----------------------------------------------------------------------


def test_declarations_are_read_from_any_depth(tmp_path: Path) -> None:
    (tmp_path / "_models.yml").write_text("models: [{name: sources_of_joy}]")
    (tmp_path / "_empty.yml").write_text("# no sources here\n")
    shapes = load_shapes(declare(tmp_path, DECLARATION))
    columns = (
        Column("at"),
        Column("id", ("track_id",), "none"),
        Column("artist"),
        Column("title"),
    )
    required = ((("at",),), (("id",), ("artist", "title")))
    assert shapes == (Shape("landing", "plays", columns, required),)
    assert shapes[0].name == "landing.plays"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("sources:", "sources: {", "no valid YAML"),
        (
            "sources:\n  - name: landing",
            "sources:\n  - name: 1",
            "`name` must be a string",
        ),
        ("name: plays", "name: ''", "`name` must be a string"),
        ("[at, {", "[when, {", "landing.plays: the required column when"),
        ("[id], [", "[id], [size, ", "landing.plays: the required column size"),
        (
            "required: [at, {any_of: [[id], [artist, title]]}]",
            "required: []",
            "`required`",
        ),
        (
            "required: [at, {any_of: [[id], [artist, title]]}]",
            "needs: [at]",
            "setting needs",
        ),
        ("any_of: [[id], [artist, title]]", "any_of: [id]", "neither a column"),
        ("any_of: [[id], [artist, title]]", "any_of: []", "neither a column"),
        ("any_of: [[id], [artist, title]]", "all_of: [[id]]", "neither a column"),
        ("[at, {", "[1, {", "neither a column"),
        ("aliases: [track_id]", "aliases: track_id", "column id: `aliases`"),
        ("aliases: [track_id]", "aliases: [AT]", "the name at means at and id"),
        ("aliases: [track_id]", "alias: [a]", "column id: landing has no setting alias"),
        ("default: none", "default: 1", "column id: `default`"),
        ("{name: title}", "{name: Artist}", "the name artist means"),
        ("{name: title}", "{name: raw_line}", "landing's own"),
        ("{name: title}", "title", "expected keys and values"),
        (
            "columns:\n          - {name: at}",
            "columns: at\n#",
            "`columns` must be a list",
        ),
    ],
)
def test_a_malformed_declaration_is_refused_by_file_and_table(
    tmp_path: Path, old: str, new: str, text: str
) -> None:
    assert old in DECLARATION
    declared = DECLARATION.replace(old, new, 1)
    if new.endswith("#"):
        declared = declared[: declared.index("#")] + "\n"
    with pytest.raises(EncoreError) as caught:
        load_shapes(declare(tmp_path, declared))
    assert text in caught.value.message
    assert "_x__sources.yml" in caught.value.message


def test_a_table_declared_twice_and_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(EncoreError, match="No source table"):
        load_shapes(tmp_path)
    declare(tmp_path, DECLARATION)
    (tmp_path / "again.yml").write_text(DECLARATION)
    with pytest.raises(EncoreError, match=r"landing\.plays is declared a second time"):
        load_shapes(tmp_path)


def test_the_project_declares_histories_and_features() -> None:
    shapes = load_shapes(PROJECT / "models")
    names = {shape.name for shape in shapes}
    assert {"landing.listening_history", "landing.track_features"} <= names
    header = ["user_id", "played_at", "event_id", "artist", "title", "spotify_track_id"]
    found = match(header, shapes)
    assert found.shape.name == "landing.listening_history"
    assert found.extra == ("event_id",)
    assert {c.name: c.default for c in found.absent} == {"ms_played": None}
