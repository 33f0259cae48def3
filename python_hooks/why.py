"""Why a track is recommended: the terms of its score, and the listens they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from python_hooks import marts, time_travel
from python_hooks.errors import NegativeAnswerError
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

_TERMS = "int_candidates_weighed"
_LISTENS = "int_listens_log"
_LATEST = 3
# The model whose rows a kind of source counts.
_COUNTED = {
    "repeats": "feat_listener_tracks",
    "neighbours": "int_listener_neighbours",
    "popular": "fct_track_popularity",
}
_MODELS = ("rec_listener_tracks", _TERMS, *_COUNTED.values())


@dataclass(frozen=True)
class Heard:
    """The listener's listens of one track.

    Attributes:
        track_id: The track.
        title: Its title, or None.
        listen_count: How often they heard it.
        latest: When, the last ones first, ISO 8601 in UTC; at most three.
    """

    track_id: str
    title: str | None
    listen_count: int
    latest: list[str]


@dataclass(frozen=True)
class Term:
    """What one source adds to the score.

    Attributes:
        source: The source.
        value: What it adds: weight times strength, nine places.
        weight: The weight of the source in the blend.
        strength: The candidate's strength relative to the source's best for the
            listener, 0 to 1.
        reason: The numbers in words.
        model: The model whose rows are counted.
        file: Its SQL.
        rows: These rows.
        listens: The listener's own listens that led to them; empty where everybody's did.
    """

    source: str
    value: float
    weight: float
    strength: float
    reason: str
    model: str
    file: str
    rows: list[dict[str, Any]]
    listens: list[Heard]


@dataclass(frozen=True)
class Explanation:
    """The answer of `explain`.

    Attributes:
        listener_id: Whose recommendation.
        track_id: The track.
        title: Its title, or None.
        artist: Its artist, or None.
        release: Id of the release that answered.
        rank: Its place in the listener's list; None below the end of it.
        score: The sum of the terms, nine places.
        file: The SQL that adds them.
        terms: The terms, the largest first.
    """

    listener_id: str
    track_id: str
    title: str | None
    artist: str | None
    release: str
    rank: int | None
    score: float
    file: str
    terms: list[Term]


def explain(listener_id: str, track_id: str, home: Home, *, as_of: str = "") -> Explanation:
    """Takes a recommendation apart, as the last batch made it.

    Args:
        listener_id: The listener.
        track_id: The track.
        home: The installation.
        as_of: A moment (ISO 8601) to look back to.

    Raises:
        NegativeAnswerError: No source proposes the track to the listener.
        EncoreError: The server does not run, or nothing is published.
    """
    with (
        Warehouse(home) as warehouse,
        time_travel.pinned(home, warehouse, as_of, _MODELS) as release,
    ):
        look = _Look(warehouse, release, listener_id, track_id)
        terms = look.terms()
        if not terms:
            raise NegativeAnswerError(
                f"No source proposes track {track_id} to listener {listener_id}.",
                f"See what is with `encore recommend {listener_id}`.",
            )
        ranks = look.rows("rec_listener_tracks", look.pair)
        names = look.names([track_id])[track_id]
        return Explanation(
            listener_id=listener_id,
            track_id=track_id,
            title=names[0],
            artist=names[1],
            release=release.release_id,
            rank=ranks[0]["rank"] if ranks else None,
            score=round(sum(term.value for term in terms), 9),
            file=look.files[_TERMS],
            terms=terms,
        )


@dataclass(frozen=True)
class _Look:
    """Reads what one release says about one listener and one track."""

    warehouse: Warehouse
    release: Release
    listener_id: str
    track_id: str

    @property
    def files(self) -> Mapping[str, str]:
        return marts.files()

    @property
    def pair(self) -> str:
        return f"listener_id = {literal(self.listener_id)} and {self.track}"

    @property
    def track(self) -> str:
        return f"track_id = {literal(self.track_id)}"

    def rows(self, model: str, where: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.warehouse.read(
            self.release.relation(model), where=where
        ).to_pylist()
        return found

    def terms(self) -> list[Term]:
        weights = {
            row["source"]: float(row["weight"])
            for row in self.rows("recommendation_weights", "weight > 0")
        }
        found = [row for row in self.rows(_TERMS, self.pair) if row["source"] in weights]
        found.sort(key=lambda row: (-row["contribution"], row["source"]))
        return [self._term(row, weights[row["source"]]) for row in found]

    def _term(self, row: Mapping[str, Any], weight: float) -> Term:
        kind = row["source"].partition("_")[0]
        model, value = _COUNTED[kind], float(row["contribution"])
        counted = self.rows(model, self.track if kind == "popular" else self.pair)
        led = {
            "repeats": [self.track_id],
            "neighbours": [each["seed_track_id"] for each in counted if kind == "neighbours"],
        }
        return Term(
            source=row["source"],
            value=value,
            weight=weight,
            strength=round(value / weight, 9),
            reason=row["reason"],
            model=model,
            file=self.files[model],
            rows=counted,
            listens=self.heard(led.get(kind, [])),
        )

    def heard(self, track_ids: Sequence[str]) -> list[Heard]:
        if not track_ids:
            return []
        moments: dict[str, list[str]] = {}
        among = ", ".join(map(literal, track_ids))
        own = f"listener_id = {literal(self.listener_id)} and track_id in ({among})"
        listens = self.rows(_LISTENS, own)
        for row in sorted(listens, key=lambda row: row["listened_at"], reverse=True):
            at = row["listened_at"].isoformat().replace("+00:00", "Z")
            moments.setdefault(row["track_id"], []).append(at)
        names = self.names(list(moments))
        return [
            Heard(track, names[track][0], len(found), found[:_LATEST])
            for track, found in moments.items()
        ]

    def names(self, track_ids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
        names: dict[str, tuple[str | None, str | None]] = dict.fromkeys(
            track_ids, (None, None)
        )
        among = ", ".join(map(literal, track_ids)) or "null"
        for row in self.rows("dim_tracks", f"track_id in ({among})"):
            names[row["track_id"]] = (row["title"], row["artist"])
        return names
