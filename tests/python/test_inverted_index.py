"""The inverted index: what is found, in which order, and what is refused."""

import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from python_hooks import artifacts as builders
from python_hooks import inverted_index, search_quality
from python_hooks.artifact_releases import point_to, stored_releases
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.inverted_index import InvertedIndex, build, load, problem, save
from python_hooks.receipt import Receipt, of_built
from python_hooks.search_query import SearchQuery, parse
from python_hooks.terms import terms

FIELDS = ["title", "artist", "genre"]
ARTIFACT = Artifact(
    name="track_search_index",
    builder="inverted_index",
    relation="encore.dim_tracks",
    model="dim_tracks",
    columns=("track_id", "title", "artist", "genre", "musical_key"),
    key=("track_id",),
    path="search/track_search",
    params={"fields": FIELDS, "musical_key": "musical_key"},
    min_quality={"overlap_at_10": 0.99},
    description="",
    reference="track_terms",
)
TRACKS: list[tuple[str, str | None, str | None, str | None, int | None]] = [
    ("a1", "Hey Jude", "The Beatles", "Rock", 5),
    ("a2", "Bohemian Rhapsody", "Queen", "Rock", 10),
    ("a3", "Dancing Queen", "ABBA", "Pop", 9),
    ("a4", "Ágætis byrjun", "Sigur Rós", None, None),
    ("a5", "Más que nada", "Sérgio Mendes", "Bossa Nova", -1),
    ("a6", "1999", "Prince", "Funk", 5),
    ("a7", "Killer Queen", "Queen", "Rock", 3),
    ("a8", None, None, None, None),
    ("a9", "!!!", "Cat Stevens", "", 0),
    ("b1", "Hip Hop Hooray", "Naughty by Nature", "Hip Hop", 1),
]


def table(tracks: Iterable[tuple[Any, ...]]) -> pa.Table:
    names = ["track_id", *FIELDS, "musical_key"]
    types = [pa.string()] * 4 + [pa.int32()]
    columns = list(zip(*tracks, strict=True)) or [()] * 5
    return pa.table(
        {
            name: pa.array(column, kind)
            for name, column, kind in zip(names, columns, types, strict=True)
        }
    )


def postings(tracks: Iterable[tuple[Any, ...]]) -> pa.Table:
    """`track_terms`, computed anew: BM25 with k1 1.2 and b 0.75, each field for itself."""
    rows = []
    tracks = list(tracks)
    for place, field in enumerate(FIELDS, start=1):
        texts = {track[0]: terms(track[place] or "") for track in tracks}
        mean = sum(map(len, texts.values())) / max(1, len(texts))
        for term in sorted({term for words in texts.values() for term in words}):
            having = {key: words for key, words in texts.items() if term in words}
            n, all_ = len(having), len(texts)
            weight = math.log(1 + (all_ - n + 0.5) / (n + 0.5))
            for key, words in having.items():
                f = words.count(term)
                norm = 1.2 * (1 - 0.75 + 0.75 * len(words) / mean)
                rows.append((term, key, field, weight * f * 2.2 / (f + norm)))
    names = ["term", "track_id", "field", "bm25"]
    columns = list(zip(*rows, strict=True)) or [()] * 4
    types = [pa.string(), pa.string(), pa.string(), pa.float64()]
    arrays = [pa.array(c, kind) for c, kind in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names, arrays, strict=True)))


def built(tracks: Iterable[tuple[Any, ...]]) -> InvertedIndex:
    tracks = list(tracks)
    return build(table(tracks), postings(tracks), ARTIFACT).value


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> InvertedIndex:
    """The index of the tracks above, saved and opened again."""
    result = build(table(TRACKS), postings(TRACKS), ARTIFACT)
    path = tmp_path_factory.mktemp("index") / "track_search"
    save(result, path)
    return load(path, of_built(ARTIFACT, result, path))


def found(index: InvertedIndex, text: str, k: int = 10) -> list[str]:
    return [hit.key for hit in index.search(parse(text, FIELDS), k)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hey jude", ["a1"]),
        ("JUDE hey", ["a1"]),
        ("jude beatles", ["a1"]),
        ("jude queen", []),
        # Letters and accents.
        ("agaetis", ["a4"]),
        ("Ágætis", ["a4"]),
        ("sigur ros", ["a4"]),
        ("SERGIO", ["a5"]),
        ("Se\u0301rgio", ["a5"]),
        # One edit: another letter, one too many, one too few, two swapped.
        ("bohemiam rhapsody", ["a2"]),
        ("bohemiaan rhapsody", ["a2"]),
        ("bohemin rhapsody", ["a2"]),
        ("bohemain rhapsody", ["a2"]),
        ("zohemian rhapsody", ["a2"]),
        ("bohaimen rhapsody", []),
        # From four letters on, and digits are none.
        ("cax stevens", []),
        ("hew jude", []),
        ("1998", []),
        ("1999", ["a6"]),
        # The last word is one that is begun.
        ("hey ju", ["a1"]),
        ("j", ["a1"]),
        ("ju hey", []),
        # Filters.
        ("genre:rock queen", ["a2", "a7"]),
        ("artist:queen", ["a2", "a7"]),
        ("artist:quee", []),
        ("title:QUEEN key:9", ["a3"]),
        ("key:5", ["a1", "a6"]),
        ("key:F", ["a1", "a6"]),
        ("KEY:-1", ["a5"]),
        ("key:a#", ["a2"]),
        ("key:B♭", ["a2"]),
        ("key:Eb", ["a7"]),
        ('genre:"hip hop"', ["b1"]),
        ('artist:"beatles the" h', ["a1"]),
        ("artist:queen artist:abba", []),
        # Nothing to look for.
        ("", []),
        ("!!!", []),
    ],
)
def test_what_is_found(index: InvertedIndex, text: str, wanted: list[str]) -> None:
    assert sorted(found(index, text)) == wanted
    assert sorted(index.matching(parse(text, FIELDS)).to_pylist()) == wanted


def test_whole_words_come_before_edits_and_beginnings() -> None:
    names = ["Marker", "Mark", "Mart", "Mark Mark Mark", "Marks"]
    titles = [(f"t{n}", name, None, None, None) for n, name in enumerate(names)]
    # An edit and a beginning, `marks`, come before either alone.
    assert found(built(titles), "mark") == ["t3", "t1", "t4", "t0", "t2"]


def test_scores_of_whole_words_are_those_of_the_formula() -> None:
    tracks = TRACKS[:7]
    index = built(tracks)
    reference = postings(tracks).to_pylist()
    for hit in index.search(SearchQuery(("queen", "rhapsody")), 10):
        exact = [row for row in reference if row["track_id"] == hit.key]
        wanted = sum(row["bm25"] for row in exact if row["term"] in ("queen", "rhapsody"))
        # Each word has an edit's constant too, and the last a beginning's.
        assert hit.score == pytest.approx(wanted + 0.1 + 0.3, abs=1e-3)


def test_filters_narrow_and_score_nothing(index: InvertedIndex) -> None:
    plain = {hit.key: hit.score for hit in index.search(parse("queen", FIELDS), 10)}
    query = parse("queen artist:queen genre:rock title:killer key:3", FIELDS)
    assert index.search(query, 10) == [("a7", plain["a7"])]
    assert {hit.score for hit in index.search(parse("genre:rock", FIELDS), 10)} == {0}


def test_equal_tracks_come_in_the_order_of_their_ids() -> None:
    keys = [f"t{n:04d}" for n in range(3_000)]
    shuffled = np.random.default_rng(1).permutation(keys).tolist()
    index = built((key, "Same Song", "One Artist", None, 1) for key in shuffled)
    for text in ("same", "artist:one", "sam", "smae", "key:1", "same artist"):
        assert found(index, text, 50) == keys[:50], text


def test_the_same_rows_in_any_order_give_the_same_postings(tmp_path: Path) -> None:
    contents = []
    for number, tracks in enumerate((TRACKS, TRACKS[::-1])):
        result = build(table(tracks), postings(tracks), ARTIFACT)
        files = save(result, tmp_path / str(number))
        # The names of the segment's files are random; their suffixes and bytes are not.
        contents.append(
            {
                file.name if file.name == inverted_index.KEYS else file.suffix: (
                    file.read_bytes()
                )
                for file in files
                if file.suffix != ".json"
            }
        )
        assert not [file for file in files if file.suffix == ".lock"]
    assert contents[0] == contents[1]
    assert {".idx", ".term", ".fieldnorm", "keys.arrow"} <= contents[0].keys()


def test_the_scratch_folder_goes_with_the_index() -> None:
    index = built(TRACKS)
    folder = index.folder
    assert folder.exists()
    del index
    assert not folder.exists()


def test_quality_is_the_agreement_with_the_sql() -> None:
    draw = np.random.default_rng(2)
    words = [f"w{n}" for n in range(60)]
    tracks = [
        (f"t{n:04d}", " ".join(draw.choice(words, draw.integers(10))), "x y", "z", 1)
        for n in range(800)
    ]
    reference = postings(tracks)
    quality = build(table(tracks), reference, ARTIFACT).quality
    assert quality == {"overlap_at_10": 1.0, "queries": search_quality.SAMPLE}
    # As if the length of a text made it better.
    scores = [2 - score for score in reference["bm25"].to_pylist()]
    wrong = reference.set_column(3, "bm25", pa.array(scores, pa.float64()))
    worse = build(table(tracks), wrong, ARTIFACT).quality["overlap_at_10"]
    assert worse is not None
    assert worse < 0.6
    # And as if tracks were unknown.
    ids = pa.array([f"other {key}" for key in reference["track_id"].to_pylist()])
    strange = reference.set_column(1, "track_id", ids)
    assert build(table(tracks), strange, ARTIFACT).quality["overlap_at_10"] == 0


@pytest.mark.parametrize("tracks", [[], [("a", None, "", "?!", None)]])
def test_a_catalogue_without_words(tracks: list[tuple[Any, ...]], tmp_path: Path) -> None:
    result = build(table(tracks), postings(tracks), ARTIFACT)
    assert result.quality == {"overlap_at_10": None, "queries": 0}
    assert result.rows == len(tracks)
    assert save(result, tmp_path / "index")
    for text in ("queen", "genre:rock", "q"):
        assert found(result.value, text) == []
        assert len(result.value.matching(parse(text, FIELDS))) == 0


def test_a_second_segment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverted_index, "_HEAP_BYTES", 15_000_000)
    tracks = [(f"t{n:06d}", f"w{n} v{n} u{n}", f"x{n}", None, 1) for n in range(60_000)]
    with pytest.raises(EncoreError, match="60000 rows do not fit into one segment"):
        build(table(tracks), postings([]), ARTIFACT)


def test_fewer_than_one_track_is_refused(index: InvertedIndex) -> None:
    with pytest.raises(EncoreError, match="0 tracks were asked for"):
        found(index, "queen", 0)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet='aqeu :"*?~^()[]{}\\/+-!&|<>=0é\u0301', max_size=40),
        st.lists(
            st.sampled_from(["queen", "AND", "OR", "NOT", "TO", "*", '"', "key:5", "^9"])
        ),
    )
)
def test_no_text_breaks_a_search(index: InvertedIndex, text: str | list[str]) -> None:
    text = text if isinstance(text, str) else " ".join(text)
    with suppress(EncoreError):  # of a filter
        hits = index.search(parse(text, FIELDS), 3)
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.key))


def test_long_texts_are_searched_for(index: InvertedIndex) -> None:
    assert found(index, "q" * 100_000) == []
    assert found(index, "é" * 65) == []
    assert found(index, " ".join(f"word{n}" for n in range(500))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour:red", "title, artist, genre, key"),
        ("key:12", "-1 to 11"),
        ("key:H", "-1 to 11"),
        ("key:4.5", "-1 to 11"),
        ("key:\u0661", "-1 to 11"),
        ("artist:!!!", "no letter or digit"),
        ('genre:""', "no letter or digit"),
        ("key:1 key:2", "a track has one key"),
    ],
)
def test_a_wrong_filter_is_refused_with_what_is_known(text: str, said: str) -> None:
    with pytest.raises(EncoreError) as caught:
        parse(text, FIELDS)
    assert said in caught.value.message
    assert text.rsplit(" ", 1)[-1].partition(":")[0] in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["12:51", "Symphony: Largo", ":x", "Re: Zero"])
def test_a_colon_among_words_is_no_filter(text: str) -> None:
    assert parse(text, FIELDS) == SearchQuery(tuple(terms(text)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": ("track_id", "title")}, "has one key column"),
        ({"params": {"fields": [], "musical_key": "musical_key"}}, "fields is empty"),
        ({"params": {"fields": ["name"], "musical_key": "musical_key"}}, "'name' is not a"),
        ({"params": {"fields": ["title"], "musical_key": "pitch"}}, "'pitch' is not a"),
    ],
)
def test_a_wrong_declaration_is_named(changes: dict[str, Any], said: str) -> None:
    assert problem(ARTIFACT) == ""
    assert said in problem(Artifact(**(vars(ARTIFACT) | changes)))


def release(home: Home, names: list[str] | None = None) -> list[Receipt]:
    tables = {"dim_tracks": table(TRACKS), "track_terms": postings(TRACKS)}
    receipts = builders.build(
        [ARTIFACT],
        home,
        lambda model, columns: tables[model].select(list(columns)),
        lambda _: "v1",
        names,
    )
    point_to(stored_releases(home)[0], home, ())
    return receipts


def test_a_flipped_byte_in_any_file_is_refused_by_name(tmp_path: Path) -> None:
    home = Home(tmp_path)
    [recorded] = release(home)
    assert found(builders.open_search(ARTIFACT, home).value, "hey") == ["a1"]
    assert len(recorded.files) >= 8
    assert all(name.startswith("track_search/") for name in recorded.files)
    folder = home.artifacts / "current" / "search"
    for name in recorded.files:
        content = (folder / name).read_bytes()
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 1
        (folder / name).write_bytes(damaged)
        with pytest.raises(EncoreError) as caught:
            builders.open_search(ARTIFACT, home)
        assert f"{name} is damaged" in caught.value.message
        (folder / name).unlink()
        with pytest.raises(EncoreError) as caught:
            builders.open_search(ARTIFACT, home)
        assert name in caught.value.message
        (folder / name).write_bytes(content)
    assert found(builders.open_search(ARTIFACT, home).value, "hey") == ["a1"]


def test_a_folder_is_kept_by_links_when_others_are_built(tmp_path: Path) -> None:
    home = Home(tmp_path)
    [recorded] = release(home)
    before = (home.artifacts / "current").resolve() / "search"
    other = Artifact(**(vars(ARTIFACT) | {"name": "titles", "path": "titles"}))
    tables = {"dim_tracks": table(TRACKS), "track_terms": postings(TRACKS)}
    builders.build(
        [ARTIFACT, other],
        home,
        lambda model, columns: tables[model].select(list(columns)),
        lambda _: "v1",
        ["titles"],
    )
    after = stored_releases(home)[0] / "search"
    assert after != before
    for name in recorded.files:
        assert (after / name).samefile(before / name)
