"""What an evaluation reads of an installation: the log, and marts as of each cutoff."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from python_hooks import ease_source, releases, time_travel
from python_hooks.blended_lists import Weight, seed_weights, variable
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_data import NOBODY, Codes, History, places
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import cut
from python_hooks.evaluation_run import LISTED
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

_FAMILIAR, _DISCOVER = "rec_listener_tracks", "rec_listener_discoveries"
_FALLBACK, _CANDIDATES = "rec_popular_tracks", "rec_candidates"


@dataclass(frozen=True)
class Asked:
    """What an installation answers at a cutoff.

    Attributes:
        candidates: Of every source, without weights.
        lists: The recommendations, as `encore recommend` gives them: (m, `LISTED`).
        artists: The artist of each code of a track, or its own id.
    """

    candidates: Candidates
    lists: Codes
    artists: Sequence[str]


def history(home: Home) -> History:
    """The published log of listens; tracks of one recording are one.

    Recordings are those of the catalogue as it is: which tracks are the same is no
    knowledge of who listens to what.

    Raises:
        EncoreError: Nothing is published, or the server does not run.
    """
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        listens, recordings = map(
            release.relation, ("int_listens_log", "int_track_recordings")
        )
        table = warehouse.query(
            f"select l.listener_id, coalesce(r.recording_id, l.track_id) as track_id, "
            f"l.listened_at from {listens} l left join {recordings} r "
            f"on l.track_id = r.track_id"
        )
    return History.of(table, home.root.name)


def weights(home: Home) -> dict[str, Weight]:
    """The published weights of the blend, by source in the order of name."""
    with Warehouse(home) as warehouse:
        return seed_weights(warehouse, releases.current(warehouse, home))


def asked(
    home: Home,
    listens: History,
    folds: Sequence[Fold],
    seed: Mapping[str, Weight],
    tell: Callable[[], None],
) -> list[Asked]:
    """Rebuilds the recommendations as of each cutoff and reads what was asked.

    Args:
        home: The installation.
        listens: Its history.
        folds: The folds.
        seed: The published weights.
        tell: Called after each cutoff.

    Raises:
        EncoreError: The server does not run.
        NegativeAnswerError: A model could not be built.
    """
    answers = []
    known = {source: each.weight for source, each in seed.items()}
    ease = seed.get(ease_source.SOURCE)
    for fold in folds:
        model = _DISCOVER if fold.discover else _FAMILIAR
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=fold.cutoff)
        models = [_CANDIDATES, model, _FALLBACK]
        models += [ease_source.HEARD, ease_source.MODEL] if ease else []
        with (
            time_travel.released(home, moment, models) as then,
            Warehouse(home) as warehouse,
        ):
            table = warehouse.read(then.relation(_CANDIDATES), ease_source.SCHEMA.names)
            if ease:
                called = _called(warehouse, then, ease, fold, listens)
                table = pa.concat_tables([table.cast(called.schema), called])
            read = partial(warehouse.read, where=f"rank <= {LISTED}")
            listed = read(then.relation(model), ["listener_id", "rank", "track_id"])
            popular = read(then.relation(_FALLBACK), ["rank", "track_id"])
            artists = _artists(warehouse, then, listens)
        candidates = Candidates.of(table, tuple(seed), fold, listens)
        lists = answered(listed, popular, fold, listens)
        if ease and ease.weight > 0:
            lists = candidates.capped_lists(known, artists, variable("artist_cap"), LISTED)
        answers.append(Asked(candidates, lists, artists))
        tell()
    return answers


def _called(
    warehouse: Warehouse, then: Release, ease: Weight, fold: Fold, listens: History
) -> pa.Table:
    """The candidates of EASE, solved for from what was known."""
    heard = warehouse.read(then.relation(ease_source.HEARD), ease_source.HEARD_COLUMNS)
    listeners = [listens.listeners[code] for code in fold.asked.tolist()]
    found = ease_source.solved(warehouse, then)
    return ease_source.candidates(found, heard, listeners, ease.candidates)


def _artists(warehouse: Warehouse, then: Release, listens: History) -> list[str]:
    """The artist of each code of a track, or its own id."""
    columns = ["track_id", "artist_key"]
    table = warehouse.read(then.relation("int_track_recordings"), columns)
    found = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return [found.get(track) or track for track in listens.tracks]


def answered(listed: pa.Table, popular: pa.Table, fold: Fold, listens: History) -> Codes:
    """Lists of everybody asked: their own, or the popular tracks for who has none.

    Args:
        listed: `listener_id`, `rank`, `track_id`.
        popular: `rank`, `track_id`.
        fold: Who is asked.
        listens: The codes of the ids.

    Returns:
        Codes of tracks: (m, `LISTED`), `NOBODY` where there are no more. A track that
        nobody had heard by the cutoff is left out, as no model may list it.
    """
    place = np.full(len(listens.listeners) + 1, NOBODY)
    place[fold.asked] = np.arange(len(fold.asked))
    row = place[places(listed["listener_id"], listens.listeners)]
    own = _cut(row, listed, fold, listens)
    everybodys = _cut(np.zeros(popular.num_rows, np.int64), popular, fold, listens)[0]
    without = np.bincount(row[row >= 0], minlength=len(fold.asked)) == 0
    own[without] = everybodys
    return own


def _cut(row: NDArray[np.int64], table: pa.Table, fold: Fold, listens: History) -> Codes:
    track = places(table["track_id"], listens.tracks)
    kept = (row >= 0) & (track >= 0)
    kept[kept] = fold.known[track[kept]]
    rank = np.asarray(table["rank"].combine_chunks(), np.float64)
    return cut(row[kept], track[kept], -rank[kept], len(fold.asked), LISTED)
