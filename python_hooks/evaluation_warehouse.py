"""What an evaluation reads of an installation: the log, and marts as of each cutoff."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from python_hooks import releases, time_travel
from python_hooks.evaluation_blend import Candidates
from python_hooks.evaluation_data import NOBODY, Codes, History, places
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import cut
from python_hooks.evaluation_run import LISTED
from python_hooks.evaluation_trials import Parameters
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse

_FAMILIAR, _DISCOVER = "rec_listener_tracks", "rec_listener_discoveries"
_FALLBACK = "rec_popular_tracks"


@dataclass(frozen=True)
class Asked:
    """What an installation answers at a cutoff.

    Attributes:
        candidates: Of every source, without weights.
        lists: The recommendations, as `encore recommend` gives them: (m, `LISTED`).
    """

    candidates: Candidates
    lists: Codes


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


def weights(home: Home) -> dict[str, float]:
    """The published weights of the blend, by source in the order of name."""
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        rows = warehouse.read(
            release.relation("recommendation_weights"),
            ["source", "weight"],
            order_by=["source"],
        ).to_pylist()
    return {row["source"]: float(row["weight"]) for row in rows}


def asked(
    home: Home,
    listens: History,
    folds: Sequence[Fold],
    known: Parameters,
    tell: Callable[[], None],
) -> list[Asked]:
    """Rebuilds the recommendations as of each cutoff and reads what was asked.

    Args:
        home: The installation.
        listens: Its history.
        folds: The folds.
        known: The published weights, for the names of the sources.
        tell: Called after each cutoff.

    Raises:
        EncoreError: The server does not run.
        NegativeAnswerError: A model could not be built.
    """
    answers = []
    for fold in folds:
        model = _DISCOVER if fold.discover else _FAMILIAR
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=fold.cutoff)
        with (
            time_travel.built(home, moment, ["rec_candidates", model, _FALLBACK]) as then,
            Warehouse(home) as warehouse,
        ):
            columns = ["listener_id", "track_id", "source", "strength"]
            table = warehouse.read(then["rec_candidates"], columns)
            condition = f"rank <= {LISTED}"
            listed = warehouse.read(
                then[model], ["listener_id", "rank", "track_id"], where=condition
            )
            popular = warehouse.read(then[_FALLBACK], ["rank", "track_id"], where=condition)
        candidates = Candidates.of(table, tuple(known), fold, listens)
        answers.append(Asked(candidates, answered(listed, popular, fold, listens)))
        tell()
    return answers


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
