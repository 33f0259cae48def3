"""An inverted index over the texts of tracks: words to tracks, ranked by BM25.

tantivy keeps the postings; what a term is, `python_hooks.terms` and the model
`track_terms` say alike. A word of a query is found whole, with one edit if it has four
letters, and as a beginning if it is the last. Whole words add their BM25 (Robertson and
Zaragoza 2009, k1 1.2, b 0.75, each field for itself); a beginning or an edit adds a small
constant, and whole words have that too: so they always come first.
"""

import json
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple
from weakref import finalize

import pyarrow as pa
import tantivy
from tantivy import Occur, Query

from python_hooks import search_quality
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.receipt import Built, Receipt
from python_hooks.recorded_files import REBUILD
from python_hooks.search_query import SearchQuery
from python_hooks.terms import terms

PARAMS: Mapping[str, type] = {"fields": list, "musical_key": str}
BOUNDS: Mapping[str, str] = {"overlap_at_10": "at least"}
REFERENCE: tuple[str, ...] = ("term", "track_id", "bm25")
LIBRARIES: tuple[str, ...] = ("tantivy", "pyarrow")

KEYS = "keys.arrow"
# Scores are single precision: beyond the fourth place they would order equals at random.
PLACES = 4
# Below this many letters one edit makes nearly any word of any other.
MIN_LETTERS = 4
# From here on no typist knows the word; automata and dictionaries are spared it.
_MAX_LETTERS = 64
_PREFIX, _EDIT = 0.2, 0.1
# A limit, not a reservation. What fits is one segment, in which ties are in the order
# of documents: 1 M tracks take less than a tenth of it.
_HEAP_BYTES = 4_000_000_000


class Hit(NamedTuple):
    """A key and its relevance to the query (0 or more, four places)."""

    key: str
    score: float


class InvertedIndex:
    """An index of keyed texts.

    Args:
        name: Name of the artifact, for messages.
        index: The tantivy index, one segment of documents in the order of `keys`.
        keys: All keys of the mart, ascending, strings.
        fields: The fields with texts.
        folder: Where the index is.
    """

    def __init__(
        self,
        name: str,
        index: tantivy.Index,
        keys: pa.Array,
        fields: Sequence[str],
        folder: Path,
    ) -> None:
        self.name = name
        self.keys = keys
        self.fields = fields
        self.folder = folder
        self._schema = index.schema
        self._searcher = index.searcher()

    def search(self, query: SearchQuery, k: int) -> list[Hit]:
        """The k most relevant keys, equal ones in order; none for an empty query.

        Raises:
            EncoreError: k is less than one.
        """
        if k < 1:
            raise EncoreError(f"{k} tracks were asked for.", "Ask for one or more.")
        if not query:
            return []
        return [Hit(self.keys[row].as_py(), score) for row, score in self._top(query, k)]

    def matching(self, query: SearchQuery) -> pa.Array:
        """All keys that match, in no order."""
        if not query:
            return self.keys.slice(0, 0)
        rows = [row for row, _ in self._top(query, len(self.keys))]
        return self.keys.take(pa.array(rows, pa.int64()))

    def words(self, field: str, limit: int) -> list[str]:
        """The most frequent terms of a field, the most frequent first."""
        return [term for term, _ in self._searcher.terms_with_prefix(field, "", limit=limit)]

    def whole(self, words: Iterable[str], k: int, every: bool = True) -> list[int]:
        """Positions of the k best keys with all, or any, of these terms as they are."""
        ways = [_any(self._whole(word)) for word in words]
        return [row for row, _ in self._ranked(_all(ways) if every else _any(ways), k)]

    def _top(self, query: SearchQuery, k: int) -> list[tuple[int, float]]:
        words = [self._word(word, word == query.words[-1]) for word in query.words]
        required = [
            Query.term_query(self._schema, field, term, "freq")
            for field, values in query.filters
            for term in values
        ]
        if query.musical_key is not None:
            required.append(Query.term_query(self._schema, "musical_key", query.musical_key))
        # Filters narrow; they say nothing about what comes first.
        return self._ranked(_all([*words, *(_constant([one], 0) for one in required)]), k)

    def _ranked(self, query: Query, k: int) -> list[tuple[int, float]]:
        if not len(self.keys):
            return []
        hits = self._searcher.search(query, min(k, len(self.keys)), count=False).hits
        found = [(round(score, PLACES), address.doc) for score, address in hits]
        return [
            (row, score) for score, row in sorted(found, key=lambda hit: (-hit[0], hit[1]))
        ]

    def _whole(self, word: str) -> list[Query]:
        return [Query.term_query(self._schema, field, word, "freq") for field in self.fields]

    def _word(self, word: str, is_last: bool) -> Query:
        ways = self._whole(word)
        if len(word) <= _MAX_LETTERS:
            if is_last:
                ways.append(_constant(self._near(word, 0, prefix=True), _PREFIX))
            if sum(letter.isalpha() for letter in word) >= MIN_LETTERS:
                ways.append(_constant(self._near(word, 1, prefix=False), _EDIT))
        return _any(ways)

    def _near(self, word: str, edits: int, prefix: bool) -> list[Query]:
        """Terms at most so many edits away; two neighbours swapped are one."""
        return [
            Query.fuzzy_term_query(self._schema, field, word, edits, True, prefix)
            for field in self.fields
        ]


def problem(artifact: Artifact) -> str:
    """What is wrong with the values of a declaration, or an empty string."""
    if len(artifact.key) != 1:
        return f"key is {', '.join(artifact.key)}; an inverted_index has one key column."
    fields, musical_key = artifact.params["fields"], artifact.params["musical_key"]
    if not fields:
        return "parameter fields is empty; an inverted_index needs a text to index."
    for column in (*fields, musical_key):
        if column not in artifact.columns:
            return (
                f"{column!r} is not a column of {artifact.model}, "
                f"which declares {', '.join(artifact.columns)}."
            )
    return ""


def required_columns(artifact: Artifact) -> list[str]:
    """The columns of the mart that `build` reads."""
    return [*artifact.key, *artifact.params["fields"], artifact.params["musical_key"]]


def build(table: pa.Table, reference: pa.Table, artifact: Artifact) -> Built[InvertedIndex]:
    """Builds the index and compares its rankings with those of the SQL.

    Documents are added in the order of their keys by one thread. The same rows give the
    same postings, but not the same files: tantivy names a segment at random.

    Args:
        table: One row per key: the key, the texts (strings or null), the musical key.
        reference: One row per term, key and field: `term`, `track_id`, `bm25` (double).
        artifact: The declaration.

    Returns:
        The index; `overlap_at_10` is of `queries` queries, None without a term.

    Raises:
        EncoreError: The catalogue does not fit into one segment.
    """
    table = table.sort_by(artifact.key[0])
    fields = artifact.params["fields"]
    folder = Path(mkdtemp(prefix="encore-index-"))
    index = tantivy.Index(_schema(fields), str(folder))
    writer = index.writer(_HEAP_BYTES, 1)
    for batch in table.to_batches(max_chunksize=10_000):
        columns = batch.to_pydict()
        texts = zip(*(columns[field] for field in fields), strict=True)
        musical_keys = columns[artifact.params["musical_key"]]
        for row, musical_key in zip(texts, musical_keys, strict=True):
            document = tantivy.Document()
            for field, text in zip(fields, row, strict=True):
                document.add_text(field, " ".join(terms(text or "")))
            if musical_key is not None:
                document.add_integer("musical_key", musical_key)
            writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    if index.searcher().num_segments > 1:
        raise EncoreError(
            f"Artifact {artifact.name}: {table.num_rows} rows do not fit into one segment, "
            "without which tracks of equal relevance have no order.",
            f"Declare it on a model with fewer rows than {artifact.model}.",
        )
    keys = table[artifact.key[0]].combine_chunks()
    value = InvertedIndex(artifact.name, index, keys, fields, folder)
    finalize(value, shutil.rmtree, folder)
    return Built(
        value=value,
        rows=len(keys),
        quality=search_quality.overlap(value, reference),
        details={"documents": index.searcher().num_docs},
    )


def save(built: Built[InvertedIndex], path: Path) -> list[Path]:
    """Writes the index and its keys into the folder `path`; returns the files."""
    path.mkdir()
    for file in built.value.folder.iterdir():
        if file.suffix != ".lock":
            shutil.copyfile(file, path / file.name)
    keys = pa.table({"key": built.value.keys.cast(pa.large_string())})
    with pa.ipc.new_file(path / KEYS, keys.schema) as writer:
        writer.write_table(keys)
    return sorted(path.iterdir())


def load(path: Path, receipt: Receipt) -> InvertedIndex:
    """Opens what `save` wrote, given what `receipt.verify` said; files are mapped.

    Raises:
        DamagedError: The files have the recorded checksums, but are not what they should.
    """
    for name in receipt.files:
        if not name.endswith((".json", ".arrow")):
            _require_own_checksum(path.parent / name, receipt)
    keys = pa.ipc.open_file(pa.memory_map(str(path / KEYS))).read_all()["key"]
    keys.validate(full=True)
    index = tantivy.Index.open(str(path))
    found = index.searcher().num_docs, index.searcher().num_segments, len(keys)
    if found != (receipt.rows, min(1, receipt.rows), receipt.rows):
        raise DamagedError(
            f"Artifact {receipt.artifact}: {path.name} has (documents, segments, keys) "
            f"{found}, recorded {receipt.rows} rows.",
            REBUILD,
        )
    fields = receipt.params["fields"]
    value = InvertedIndex(receipt.artifact, index, keys.combine_chunks(), fields, path)
    # Raises where a field is not in the index's schema.
    value.search(SearchQuery(("a",), tuple((field, ("a",)) for field in fields), 0), 1)
    return value


def _require_own_checksum(file: Path, receipt: Receipt) -> None:
    """Compares a file with the checksum that tantivy ended it with.

    tantivy follows the numbers of a file without looking at that. The end of a file is a
    JSON object, its length and a magic number, both 32 bits, little-endian (tantivy's
    `directory/footer.rs`).
    """
    content = file.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = json.loads(content[-8 - size : -8])
    actual, recorded = zlib.crc32(content[: -8 - size]), footer["crc"]
    if actual != recorded:
        raise DamagedError(
            f"Artifact {receipt.artifact}: {file.name} is damaged: its CRC is {actual}, "
            f"recorded by tantivy {recorded}.",
            REBUILD,
        )


def _schema(fields: Sequence[str]) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for field in fields:
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    builder.add_integer_field("musical_key", indexed=True)
    return builder.build()


def _all(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _any(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _constant(queries: Iterable[Query], score: float) -> Query:
    return Query.const_score_query(_any(queries), score)
