"""What an evaluation reads of an installation: the log, and marts as of each cutoff."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from python_hooks import ease_source, releases, time_travel
from python_hooks.blended_lists import LISTS, Seed, Weight, mode_of, seed_weights, variable
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_data import NOBODY, Codes, History, places
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import cut
from python_hooks.evaluation_run import LISTED
from python_hooks.home import Home
from python_hooks.item_weights import ItemWeights
from python_hooks.landing_zone import landed_origin
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

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
    knowledge of who listens to what. The history has the name of the state folder, or says
    that it is the sample.

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
    invented = landed_origin(home) == "sample"
    return History.of(table, "the invented sample" if invented else home.root.name)


def weights(home: Home) -> Seed:
    """The published weights of the blend."""
    with Warehouse(home) as warehouse:
        return seed_weights(warehouse, releases.current(warehouse, home))


def asked(
    home: Home,
    listens: History,
    folds: Sequence[Fold],
    seed: Seed,
    tell: Callable[[], None],
) -> list[Asked]:
    """Rebuilds the recommendations as of each cutoff and reads what was asked.

    Args:
        home: The installation.
        listens: Its history.
        folds: The folds; those of one cutoff, one after the other, share what is rebuilt.
        seed: The published weights.
        tell: Called after each cutoff.

    Returns:
        One for each fold.

    Raises:
        EncoreError: The server does not run.
        NegativeAnswerError: A model could not be built.
    """
    answers = []
    for cutoff, group in groupby(folds, lambda fold: fold.cutoff):
        there = list(group)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=cutoff)
        lists = [LISTS[mode_of(fold.discover)] for fold in there]
        models = [_CANDIDATES, _FALLBACK, ease_source.HEARD, ease_source.MODEL, *lists]
        with (
            time_travel.released(home, moment, models) as release,
            Warehouse(home) as warehouse,
        ):
            then = _Then(warehouse, release, listens)
            answers += [then.asked(each, seed[mode_of(each.discover)]) for each in there]
        tell()
    return answers


@dataclass(frozen=True)
class _Then:
    """Reads what an installation would have answered at a cutoff.

    Attributes:
        warehouse: A session.
        release: What was rebuilt.
        listens: The codes of the ids.
    """

    warehouse: Warehouse
    release: Release
    listens: History

    def read(self, model: str, columns: Sequence[str], where: str | None = None) -> pa.Table:
        return self.warehouse.read(self.release.relation(model), columns, where)

    def asked(self, fold: Fold, seed: Mapping[str, Weight]) -> Asked:
        table, called = (
            self.read(_CANDIDATES, ease_source.SCHEMA.names),
            self.called(fold, seed),
        )
        every = pa.concat_tables([table.cast(called.schema), called])
        candidates = Candidates.of(every, tuple(seed), fold, self.listens)
        artists = self.artists
        if seed[ease_source.SOURCE].weight > 0:
            known = {source: each.weight for source, each in seed.items()}
            cap = variable("artist_cap")
            own = candidates.capped_lists(known, artists, cap, LISTED)
            own[~fold.warm] = NOBODY
        else:
            columns, where = ["listener_id", "rank", "track_id"], f"rank <= {LISTED}"
            listed = self.read(LISTS[mode_of(fold.discover)], columns, where)
            own = own_lists(listed, fold, self.listens)
        popular = self.read(_FALLBACK, ["rank", "track_id"])
        return Asked(candidates, filled(own, popular, fold, self.listens), artists)

    def called(self, fold: Fold, seed: Mapping[str, Weight]) -> pa.Table:
        """The candidates of EASE for those asked."""
        heard = self.read(ease_source.HEARD, ease_source.HEARD_COLUMNS)
        listeners = [self.listens.listeners[code] for code in fold.asked.tolist()]
        most = seed[ease_source.SOURCE].candidates
        return ease_source.candidates(self.solved, heard, listeners, most)

    @cached_property
    def solved(self) -> ItemWeights:
        """The weights of EASE, solved for from what was known."""
        return ease_source.solved(self.warehouse, self.release)

    @cached_property
    def artists(self) -> list[str]:
        """The artist of each code of a track, or its own id."""
        table = self.read("int_track_recordings", ["track_id", "artist_key"])
        found = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return [found.get(track) or track for track in self.listens.tracks]


def own_lists(listed: pa.Table, fold: Fold, listens: History) -> Codes:
    """Codes of the tracks in the lists of those asked: (m, `LISTED`), `NOBODY` after them.

    A track that nobody had heard by the cutoff is left out, as no model may list it.

    Args:
        listed: `listener_id`, `rank`, `track_id`.
        fold: Who is asked.
        listens: The codes of the ids.
    """
    place = np.full(len(listens.listeners) + 1, NOBODY)
    place[fold.asked] = np.arange(len(fold.asked))
    row = place[places(listed["listener_id"], listens.listeners)]
    return _cut(row, listed, fold, listens)


def filled(own: Codes, popular: pa.Table, fold: Fold, listens: History) -> Codes:
    """Lists of everybody asked, as `recommend` answers: popular tracks fill what is short.

    Args:
        own: Their own lists: (m, `LISTED`).
        popular: `rank`, `track_id`.
        fold: Who is asked; of discovery, what they had heard fills no list.
        listens: The codes of the ids.
    """
    everybodys = places(popular.sort_by("rank")["track_id"], listens.tracks)
    everybodys = everybodys[everybodys >= 0]
    everybodys = everybodys[fold.known[everybodys]]
    lists = own.copy()
    for row in np.flatnonzero((own == NOBODY).any(axis=1)):
        mine = own[row][own[row] >= 0]
        hidden = fold.heard[[row]].indices if fold.discover else mine
        others = everybodys[~np.isin(everybodys, np.concatenate([mine, hidden]))]
        longer = np.concatenate([mine, others])[:LISTED]
        lists[row, : len(longer)] = longer
    return lists


def _cut(row: NDArray[np.int64], table: pa.Table, fold: Fold, listens: History) -> Codes:
    track = places(table["track_id"], listens.tracks)
    kept = (row >= 0) & (track >= 0)
    kept[kept] = fold.known[track[kept]]
    rank = np.asarray(table["rank"].combine_chunks(), np.float64)
    return cut(row[kept], track[kept], -rank[kept], len(fold.asked), LISTED)
