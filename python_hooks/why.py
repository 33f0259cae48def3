"""Why a track is recommended: the terms of its score, and the listens they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from python_hooks import blended_lists, ease_source, marts
from python_hooks.blended_lists import Blend, Ease
from python_hooks.console import err
from python_hooks.errors import NegativeAnswerError
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

_LATEST = 3
# The model whose rows a kind of source counts.
_COUNTED = {
    "repeats": "int_listener_recordings",
    "neighbours": "int_listener_neighbours",
    "popular": "int_popular_recordings",
}
_MODELS = (*blended_lists.LISTS.values(), "int_candidates_scored", *_COUNTED.values())


@dataclass(frozen=True)
class Heard:
    """The listener's listens of one recording.

    Attributes:
        recording_id: The recording.
        title: Its title, or None.
        listen_count: How often they heard it, skips too.
        latest: When, the last ones first, ISO 8601 in UTC; at most three.
    """

    recording_id: str
    title: str | None
    listen_count: int
    latest: list[str]


@dataclass(frozen=True)
class Term:
    """What one source adds to the score.

    Attributes:
        source: The source.
        value: What it adds: weight times strength, nine places.
        weight: The weight of the source in the mode.
        strength: The strength relative to the source's best for the listener, 0 to 1.
        rank_in_source: Place among the source's candidates for the listener.
        reason: The numbers in words.
        model: The model whose rows are counted.
        file: Its SQL.
        rows: These rows; of EASE the weights that were solved from them.
        listens: The listener's own listens that led to them; empty where everybody's did.
    """

    source: str
    value: float
    weight: float
    strength: float
    rank_in_source: int
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
        track_id: The track asked for.
        recording_id: The recording it is of, which is what is recommended.
        title: Its title, or None.
        artist: Its artist, or None.
        release: Id of the release that answered.
        mode: `familiar`, or `discover`: whose weights, and which list.
        rank: Its place in the listener's list; None below the end of it.
        score: The sum of the terms, nine places.
        file: The SQL that adds them.
        terms: The terms, the largest first.
    """

    listener_id: str
    track_id: str
    recording_id: str
    title: str | None
    artist: str | None
    release: str
    mode: str
    rank: int | None
    score: float
    file: str
    terms: list[Term]


def explain(
    listener_id: str, track_id: str, home: Home, *, as_of: str = "", discover: bool = False
) -> Explanation:
    """Takes a recommendation apart, as the last batch made it.

    Args:
        listener_id: The listener.
        track_id: The track.
        home: The installation.
        as_of: A moment (ISO 8601) to look back to.
        discover: Whether the list of what they have not heard.

    Raises:
        NegativeAnswerError: No source proposes the track to the listener in the mode.
        EncoreError: The server does not run, or nothing is published.
    """
    mode = blended_lists.mode_of(discover)
    with (
        Warehouse(home) as warehouse,
        blended_lists.pinned(home, warehouse, as_of, _MODELS, Blend(mode)) as pinned,
    ):
        if pinned.note:
            err.print(pinned.note)
        known = _known(warehouse, pinned.release, f"track_id = {literal(track_id)}")
        track = known[0] if known else {}
        recording_id, files = track.get("recording_id", track_id), marts.files()
        look = _Look(
            warehouse, pinned.release, files, pinned.ease, mode, listener_id, recording_id
        )
        terms = look.terms()
        if not terms:
            raise NegativeAnswerError(
                f"No source proposes track {track_id} to listener {listener_id}.",
                f"See what is with `encore recommend {listener_id}"
                f"{' --discover' if discover else ''}`.",
            )
        return Explanation(
            listener_id=listener_id,
            track_id=track_id,
            recording_id=recording_id,
            title=track.get("title"),
            artist=track.get("artist"),
            release=pinned.release.release_id,
            mode=mode,
            rank=look.rank(),
            score=round(sum(term.value for term in terms), 9),
            file=files["int_candidates_scored"],
            terms=terms,
        )


def _known(warehouse: Warehouse, release: Release, where: str) -> list[dict[str, Any]]:
    columns = ["track_id", "recording_id", "title", "artist"]
    found: list[dict[str, Any]] = warehouse.read(
        release.relation("dim_tracks"), columns, where=where
    ).to_pylist()
    return found


@dataclass(frozen=True)
class _Look:
    """Reads what one release says about one listener and one recording."""

    warehouse: Warehouse
    release: Release
    files: Mapping[str, str]
    ease: Ease | None
    mode: str
    listener_id: str
    recording_id: str

    @property
    def listener(self) -> str:
        return f"listener_id = {literal(self.listener_id)}"

    @property
    def pair(self) -> str:
        return f"{self.listener} and track_id = {literal(self.recording_id)}"

    def rows(self, model: str, where: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.warehouse.read(
            self.release.relation(model), where=where
        ).to_pylist()
        return found

    def terms(self) -> list[Term]:
        weights, candidates, scored = map(
            self.release.relation,
            ("recommendation_weights", "int_candidates_gathered", "int_candidates_scored"),
        )
        # As int_candidates_scored adds them, where it has the track.
        found = self.warehouse.query(
            "select source, weight, strength, rank_in_source, reason, "
            "cast(cast(weight * strength as decimal(12, 9)) as double) as value "
            f"from {candidates} inner join {weights} using (source) "
            f"where weight > 0 and mode = {literal(self.mode)} and {self.pair} "
            f"and exists (select 1 from {scored} where {self.pair} "
            f"and mode = {literal(self.mode)}) order by value desc, source asc"
        )
        terms = [self._term(row) for row in found.to_pylist()] + self._ease_terms()
        return sorted(terms, key=lambda term: (-term.value, term.source))

    def rank(self) -> int | None:
        """The place in the list that `recommend` gives, None below its end."""
        listed = self.ease.blended(self.listener_id, set()) if self.ease else []
        if listed:
            ids = [row["track_id"] for row in listed]
            return ids.index(self.recording_id) + 1 if self.recording_id in ids else None
        ranks = self.rows(blended_lists.LISTS[self.mode], self.pair)
        return ranks[0]["rank"] if ranks else None

    def _ease_terms(self) -> list[Term]:
        calls = self.ease.calls(self.listener_id) if self.ease else {}
        if self.ease is None or self.recording_id not in calls:
            return []
        call = calls[self.recording_id]
        return [
            Term(
                source=ease_source.SOURCE,
                value=self.ease.value(call.proposal),
                weight=self.ease.seed.weight,
                strength=call.proposal.strength,
                rank_in_source=call.proposal.rank_in_source,
                reason=call.reason,
                model=ease_source.MODEL,
                file=self.files[ease_source.MODEL],
                rows=[
                    {"seed_track_id": by, "weight": weight} for by, weight in call.speakers
                ],
                listens=self._heard([by for by, weight in call.speakers if weight > 0]),
            )
        ]

    def _term(self, row: Mapping[str, Any]) -> Term:
        kind = row["source"].partition("_")[0]
        model, led = _COUNTED[kind], []
        if kind == "repeats":
            recording = f"recording_id = {literal(self.recording_id)}"
            counted = self.rows(model, f"{self.listener} and {recording}")
            led = [self.recording_id]
        elif kind == "neighbours":
            counted = self.rows(model, self.pair)
            counted.sort(key=lambda each: (-each["similarity"], each["seed_track_id"]))
            led = [each["seed_track_id"] for each in counted]
        else:
            source = f"source = {literal(row['source'])}"
            counted = self.rows(
                model, f"{source} and track_id = {literal(self.recording_id)}"
            )
        return Term(
            source=row["source"],
            value=row["value"],
            weight=float(row["weight"]),
            strength=row["strength"],
            rank_in_source=row["rank_in_source"],
            reason=row["reason"],
            model=model,
            file=self.files[model],
            rows=counted,
            listens=self._heard(led),
        )

    def _heard(self, recording_ids: Sequence[str]) -> list[Heard]:
        """The listener's listens of recordings, in their order."""
        if not recording_ids:
            return []
        among = ", ".join(map(literal, recording_ids))
        tracks = _known(self.warehouse, self.release, f"recording_id in ({among})")
        recording_of = {row["track_id"]: row["recording_id"] for row in tracks}
        title_of = {row["track_id"]: row["title"] for row in tracks}
        among = ", ".join(map(literal, recording_of)) or "null"
        listens = self.rows("int_listens_log", f"{self.listener} and track_id in ({among})")
        moments: dict[str, list[str]] = {each: [] for each in recording_ids}
        for row in sorted(listens, key=lambda row: row["listened_at"], reverse=True):
            at = row["listened_at"].isoformat().replace("+00:00", "Z")
            moments[recording_of[row["track_id"]]].append(at)
        return [
            Heard(each, title_of.get(each), len(found), found[:_LATEST])
            for each, found in moments.items()
        ]
