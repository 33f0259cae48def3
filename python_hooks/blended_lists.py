"""Lists that blend the candidates of SQL with those of EASE, as the marts blend.

The formulas are those of `int_candidates_scored` and of the macro `artist_capped`; without
candidates of EASE the list is that of the marts, row by row, which a test holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import yaml

from python_hooks import artifacts, ease_source, releases, time_travel
from python_hooks.answer_items import Row, described
from python_hooks.artist_cap import capped
from python_hooks.ease_source import Heard, Proposal
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.item_weights import PLACES, ItemWeights
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

# What is read; a look back has to build it.
MODELS = ("int_candidates_scored", ease_source.HEARD, ease_source.MODEL)
_WEIGHTS, _SOURCES = "recommendation_weights", "candidate_sources"
FAMILIAR, DISCOVER = "familiar", "discover"
# The mart of each mode.
LISTS = {FAMILIAR: "rec_listener_tracks", DISCOVER: "rec_listener_discoveries"}


@dataclass(frozen=True)
class Weight:
    """A source in a mode: a row of `recommendation_weights`, and of `candidate_sources`."""

    source: str
    weight: float
    candidates: int


Seed = Mapping[str, Mapping[str, Weight]]  # by mode and source


@dataclass(frozen=True)
class Call:
    """Why EASE proposes a track to a listener.

    Attributes:
        proposal: The candidate.
        speakers: Heard recordings with a weight for or against it, the strongest first.
        reason: The same in words.
    """

    proposal: Proposal
    speakers: list[tuple[str, float]]
    reason: str


@dataclass(frozen=True)
class Ease:
    """The source, ready to answer in one mode from one release.

    Attributes:
        warehouse: The session that the release is pinned in.
        release: The release.
        weights: Its item weights.
        seed: Its weight in the mode.
        mode: `familiar`, or `discover`.
    """

    warehouse: Warehouse
    release: Release
    weights: ItemWeights
    seed: Weight
    mode: str

    def calls(self, listener_id: str, fresh: Iterable[str] = ()) -> dict[str, Call]:
        """What it proposes to a listener, by track.

        Args:
            listener_id: The listener.
            fresh: Recordings heard since the batch.
        """
        where = f"listener_id = {literal(listener_id)}"
        relation = self.release.relation(ease_source.HEARD)
        rows = self.warehouse.read(relation, ease_source.HEARD_COLUMNS, where)
        heard = Heard.of(rows)
        heard = Heard(heard.counted.union(fresh), heard.all.union(fresh))
        found = ease_source.proposals(self.weights, heard, self.seed.candidates)
        speakers = self.weights.speakers(heard.counted, [each.track_id for each in found])
        first = sorted({by[0][0] for by in speakers.values()})
        names = described(self.warehouse, self.release, first)
        return {
            each.track_id: Call(each, by, _reason(by, names.get(by[0][0], {}).get("title")))
            for each in found
            for by in [speakers[each.track_id]]
        }

    def value(self, proposal: Proposal) -> float:
        """What it adds to the score."""
        return round(self.seed.weight * proposal.strength, PLACES)

    def blended(self, listener_id: str, fresh: set[str]) -> list[Row]:
        """The list of a listener, as long as the marts': track_id, score, sources, reason.

        What the batch knows is blended exactly. Who has listened since has the list of
        `int_candidates_blended`, which is fresh; a track that is not in it counts by EASE
        alone. Empty where EASE proposes nothing: then the list is that of the marts.
        """
        calls = self.calls(listener_id, fresh)
        if not calls:
            return []
        read = self._fresh_rows if fresh else self._rows
        where = f"listener_id = {literal(listener_id)} and mode = {literal(self.mode)}"
        rows = {row["track_id"]: row for row in read(where)}
        for track_id, call in calls.items():
            row = rows.setdefault(track_id, {"score": 0.0, "parts": []})
            added = self.value(call.proposal)
            row["score"] = round(row["score"] + added, PLACES)
            row["parts"].append((added, [ease_source.SOURCE], call.reason))
        return listed(rows, self.artists(list(rows)))

    def _rows(self, where: str) -> list[Row]:
        columns = ["track_id", "score", "parts"]
        relation = self.release.relation("int_candidates_scored")
        rows: list[Row] = self.warehouse.read(relation, columns, where).to_pylist()
        for row in rows:
            row["parts"] = [
                (-float(part["place"]), [part["source"]], part["reason"])
                for part in row["parts"]
            ]
        return rows

    def _fresh_rows(self, where: str) -> list[Row]:
        relation = self.release.relation("int_candidates_blended")
        columns = ["track_id", "score", "sources", "reason"]
        rows: list[Row] = self.warehouse.read(relation, columns, where).to_pylist()
        return [
            {**row, "parts": [(row["score"], row["sources"], row["reason"])]} for row in rows
        ]

    def artists(self, track_ids: Sequence[str]) -> Callable[[str], str]:
        """The artist of each of some tracks; one that nobody knows is the track itself."""
        found = self.warehouse.read(
            self.release.relation("int_track_recordings"),
            ["track_id", "artist_key"],
            f"track_id in ({', '.join(map(literal, track_ids))})",
        )
        artists = dict(zip(*(column.to_pylist() for column in found.columns), strict=True))
        return lambda track_id: artists.get(track_id) or track_id


@dataclass(frozen=True)
class Blend:
    """Which blend is wanted.

    Attributes:
        mode: `familiar`, or `discover`.
        sql: Whether of the sources of SQL alone.
    """

    mode: str
    sql: bool = False


@dataclass(frozen=True)
class Pinned:
    """A release, and what takes part in its blend.

    Attributes:
        release: The release.
        sources: Names of the sources with a weight, ascending.
        ease: One of them that SQL does not have, or None.
        note: Why it does not take part although it has a weight, or is that of another
            release; None otherwise.
    """

    release: Release
    sources: list[str]
    ease: Ease | None
    note: str | None


def mode_of(discover: bool) -> str:
    """The mode's name in the seed and the marts."""
    return DISCOVER if discover else FAMILIAR


def seed_weights(warehouse: Warehouse, release: Release) -> Seed:
    """The published weights by mode and source, the sources in the order of name."""
    limits = warehouse.read(release.relation(_SOURCES), ["source", "candidates"])
    most = dict(zip(*(column.to_pylist() for column in limits.columns), strict=True))
    columns = ["mode", "source", "weight"]
    rows = warehouse.read(release.relation(_WEIGHTS), columns, order_by=["source"])
    seed: dict[str, dict[str, Weight]] = {mode: {} for mode in LISTS}
    for row in rows.to_pylist():
        source = row["source"]
        seed[row["mode"]][source] = Weight(source, float(row["weight"]), most[source])
    return seed


@contextmanager
def pinned(
    home: Home,
    warehouse: Warehouse,
    as_of: str,
    select: Sequence[str],
    blend: Blend,
) -> Iterator[Pinned]:
    """`time_travel.pinned`, and the sources that take part in a blend.

    Args:
        home: The installation.
        warehouse: A session.
        as_of: The moment to look back to, or empty.
        select: Names of the models that are read.
        blend: Of which mode, and of what.
    """
    seed = seed_weights(warehouse, releases.current(warehouse, home))[blend.mode]
    weighted = [each for each in seed.values() if each.weight > 0]
    sources = [each.source for each in weighted if each.source != ease_source.SOURCE]
    share = seed[ease_source.SOURCE]
    wanted = share if share.weight > 0 and not blend.sql else None
    models = (*select, *(MODELS if wanted else ()))
    with time_travel.pinned(home, warehouse, as_of, models) as release:
        if wanted is None:
            yield Pinned(release, sources, None, None)
            return
        note = None
        try:
            if as_of:
                weights = ease_source.solved(warehouse, release)
            else:
                opened = artifacts.open_weights(
                    artifacts.declared_as("track_item_weights"), home
                )
                weights, note = opened.value, opened.fallback
        except EncoreError as error:
            # The lists of SQL are there, and good: rather them than nothing.
            note = f"without {ease_source.SOURCE}: {error.message} {error.hint or ''}"
            yield Pinned(release, sources, None, note.strip())
            return
        ease = Ease(warehouse, release, weights, wanted, blend.mode)
        yield Pinned(release, sorted([*sources, ease_source.SOURCE]), ease, note)


def listed(rows: Mapping[str, Row], artist: Callable[[str], str]) -> list[Row]:
    """Orders scored candidates under the cap of artists, and cuts the list.

    Args:
        rows: By track: `score`, and `parts`, the value, sources and reason of each term.
        artist: The artist of a track, or its own id where nobody knows one.
    """
    scored = ((row["score"], track_id) for track_id, row in rows.items())
    kept = capped(scored, artist, variable("artist_cap"))
    made = []
    for score, track_id in kept[: variable("recommendations_per_listener")]:
        parts = sorted(rows[track_id]["parts"], key=lambda part: (-part[0], part[1]))
        made.append(
            {
                "track_id": track_id,
                "score": score,
                "sources": [source for _, sources, _ in parts for source in sources],
                "reason": "; ".join(dict.fromkeys(reason for *_, reason in parts)),
            }
        )
    return made


def variable(name: str) -> int:
    """A number among the vars of `dbt_project.yml`."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    return int(project["vars"][name])


def _reason(speakers: Sequence[tuple[str, float]], title: str | None) -> str:
    strongest, weight = speakers[0]
    for_it = sum(1 for _, each in speakers if each > 0)
    return (
        f"{for_it} heard tracks speak for it, most “{title or strongest}” "
        f"(weight {weight:.3f})"
    )
