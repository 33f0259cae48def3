"""Answers to what people type: tracks by words of their title, artist and genre."""

from dataclasses import dataclass

import pyarrow as pa

from python_hooks import artifacts, releases
from python_hooks.artifact_opening import Opened
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import Home
from python_hooks.inverted_index import Hit, InvertedIndex
from python_hooks.search_query import SearchQuery, parse
from python_hooks.warehouse import Warehouse, literal

_KNOWN = 20


@dataclass(frozen=True)
class FoundTrack:
    """One track that a search found.

    Attributes:
        rank: Place in the list, 1 is the best.
        track_id: The track.
        score: Its relevance, 0 or more: the BM25 of the words that it has as they are, and
            a little for those that it has nearly.
        title: Its title, or None where nobody gave one.
        artist: Its artist, or None.
        genre: Its genre, or None.
        musical_key: Pitch class of its key, 0 to 11, -1 if none was found, or None.
    """

    rank: int
    track_id: str
    score: float
    title: str | None
    artist: str | None
    genre: str | None
    musical_key: int | None


@dataclass(frozen=True)
class Search:
    """The answer of `search`.

    Attributes:
        query: The text that was searched for.
        release: Id of the release that answered.
        fallback: Why the index is that of a release before, and of which, or None.
        items: The tracks, the best first.
    """

    query: str
    release: str
    fallback: str | None
    items: list[FoundTrack]


def search(text: str, home: Home, *, k: int = 10) -> Search:
    """The `k` tracks that have the words of a text, the most relevant first.

    Every word is in the title, the artist or the genre: as it is, with one edit if it has
    four letters, or as the beginning of a word if it is the last. Filters narrow:
    `artist:queen`, `genre:"hip hop"`, `key:5`.

    Raises:
        NegativeAnswerError: No track has them all.
        EncoreError: A filter is wrong, the server does not run, or the index cannot be
            used.
    """
    opened = _opened(home)
    index = opened.value
    hits = index.search(_query(text, index), k)
    if not hits:
        raise nothing_found(text)
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        found = warehouse.read(
            release.relation("dim_tracks"),
            ["track_id", "title", "artist", "genre", "musical_key"],
            where=f"track_id in ({', '.join(literal(hit.key) for hit in hits)})",
        )
    return Search(text, release.release_id, opened.fallback, _items(hits, found))


def candidates(text: str, home: Home) -> tuple[pa.Array, str | None]:
    """The ids of all tracks that a search for a text finds, in no order; its `fallback`.

    Raises:
        NegativeAnswerError: There is none.
        EncoreError: A filter is wrong, or the index cannot be used.
    """
    opened = _opened(home)
    found = opened.value.matching(_query(text, opened.value))
    if not found:
        raise nothing_found(text)
    return found, opened.fallback


def nothing_found(text: str) -> NegativeAnswerError:
    """The answer where no track has the words of a text."""
    return NegativeAnswerError(
        f"No track has all of: {text}",
        "Search for fewer words, or for the first letters of one.",
    )


def _opened(home: Home) -> Opened[InvertedIndex]:
    return artifacts.open_search(artifacts.declared_as("track_search_index"), home)


def _query(text: str, index: InvertedIndex) -> SearchQuery:
    query = parse(text, index.fields)
    if not query:
        raise NegativeAnswerError(
            f"There is no letter or digit in {text!r} to search for.",
            "Search for a word of a title, an artist or a genre.",
        )
    for field, values in query.filters:
        # A genre is one of a few: a wrong one is a slip, not an answer.
        if field == "genre" and not index.search(SearchQuery((), ((field, values),)), 1):
            raise EncoreError(
                f"No track has the genre {' '.join(values)}; known words of genres are "
                f"{', '.join(index.words(field, _KNOWN)) or 'none'}.",
                "See all with `encore show track_terms --where \"field = 'genre'\"`.",
            )
    return query


def _items(hits: list[Hit], found: pa.Table) -> list[FoundTrack]:
    described = {row["track_id"]: row for row in found.to_pylist()}
    items = []
    for rank, hit in enumerate(hits, start=1):
        track = described.get(hit.key, {})
        items.append(
            FoundTrack(
                rank=rank,
                track_id=hit.key,
                score=hit.score,
                title=track.get("title"),
                artist=track.get("artist"),
                genre=track.get("genre"),
                musical_key=track.get("musical_key"),
            )
        )
    return items
