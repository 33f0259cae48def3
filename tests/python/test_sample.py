"""The sample: same options same bytes, and every promise counted in the files.

The checks read the files with Python's csv module and apply the rules of staging
as written in the documentation, so they share nothing with the generator.
"""

import csv
import math
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from python_hooks import sample
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT
from python_hooks.sample_listening import Habits

Row = dict[str, str]
# Tracks by key in the notes.
NOTES = {
    1: 224, 0: 210, 7: 163, 5: 156, 6: 141, 2: 140,
    9: 132, 11: 131, 8: 130, 4: 126, 10: 104, 3: 59,
}  # fmt: skip
SHARES = [
    *("danceability", "energy", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence"),
]
LAST = datetime(2026, 7, 1, tzinfo=UTC)
SMALL: sample.Options = {"tracks": 60, "listeners": 5, "listens": 300}


def read(path: Path) -> list[Row | None]:
    """Rows of a file; None where a line does not have the header's number of fields."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    return [
        dict(zip(header, line, strict=True)) if len(line) == len(header) else None
        for line in lines
    ]


def fits(text: str, kind: Callable[[str], float], low: float, high: float) -> bool:
    """Whether a cell is empty, or a number of the kind and within the bounds."""
    try:
        return not text or (math.isfinite(kind(text)) and low <= kind(text) <= high)
    except ValueError:
        return False


def track_reason(row: Row) -> str | None:
    checks = {
        "track_missing": bool(row["id"]),
        "audio_feature_invalid": all(fits(row[c], float, 0, 1) for c in SHARES)
        and fits(row["loudness"], float, -math.inf, math.inf),
        "key_invalid": fits(row["key"], int, -1, 11),
        "mode_invalid": fits(row["mode"], int, 0, 1),
        "tempo_invalid": fits(row["tempo"], float, 0, math.inf),
        "duration_invalid": fits(row["duration_ms"], int, 1, math.inf),
        "time_signature_invalid": fits(row["time_signature"], int, 0, math.inf),
    }
    return next((reason for reason, fine in checks.items() if not fine), None)


def heard_at(row: Row) -> datetime | None:
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    if not re.fullmatch(pattern, row["timestamp"]):
        return None
    try:
        return datetime.fromisoformat(row["timestamp"])
    except ValueError:
        return None


def listen_reason(row: Row) -> str | None:
    at = heard_at(row)
    checks = {
        "track_missing": bool(row["id"] or (row["artist"] and row["title"])),
        "listener_missing": bool(row["listener"]),
        "timestamp_missing": bool(row["timestamp"]),
        "timestamp_unreadable": at is not None,
        "timestamp_out_of_range": at is not None
        and datetime(1990, 1, 1, tzinfo=UTC) <= at < LAST,
        "ms_played_invalid": fits(row["ms_played"], int, 0, math.inf),
    }
    return next((reason for reason, fine in checks.items() if not fine), None)


def track_of(row: Row) -> str:
    return row["id"] or f"name:{row['artist']}/{row['title']}"


class Landed:
    """The files read in order of name: what is accepted, and counts of all outcomes."""

    def __init__(self, paths: list[Path]) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.tracks: dict[str, Row] = {}
        self.listens: dict[tuple[str, ...], Row] = {}
        self.bad_ids: set[str] = set()
        for path in sorted(paths):
            count = self.counts[path.name] = Counter()
            take = self.track if path.name == "track_features.csv" else self.listen
            for row in read(path):
                count["unreadable" if row is None else take(row)] += 1
            if path.name == "track_features.csv":  # the last arrival of an id wins
                count["superseded"] += count["accepted"] - len(self.tracks)
                count["accepted"] = len(self.tracks)
            self.counts[path.name] = +count

    def track(self, row: Row) -> str:
        reason = track_reason(row)
        if reason:
            self.bad_ids.add(row["id"])
        else:
            self.tracks[row["id"]] = row
        return reason or "accepted"

    def listen(self, row: Row) -> str:
        reason = listen_reason(row)
        key = (row["listener"], track_of(row), row["timestamp"], row["ms_played"])
        if reason or key in self.listens:
            return reason or "duplicate"
        self.listens[key] = row
        return "accepted"

    def keys(self) -> Counter[int]:
        return Counter(int(row["key"]) for row in self.tracks.values())

    def by_listener(self) -> dict[str, list[Row]]:
        """Accepted listens of each listener, oldest first."""
        listens: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(self.listens.values(), key=lambda row: row["timestamp"]):
            listens[row["listener"]].append(row)
        return listens

    def genres(self, rows: list[Row]) -> Counter[str]:
        return Counter(
            self.tracks[row["id"]]["genre"] for row in rows if row["id"] in self.tracks
        )


def land(folder: Path, options: sample.Options) -> Landed:
    return Landed(sample.generate(folder, **options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.generate(folder)
    return folder


@pytest.fixture(scope="module")
def landed(folder: Path) -> Landed:
    return Landed(list(folder.iterdir()))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_options_same_bytes_in_another_process(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from python_hooks import sample;"
        "sample.generate(Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        check=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
    )
    assert content(tmp_path) == content(folder)


def test_another_seed_gives_other_bytes_in_every_file(tmp_path: Path) -> None:
    for seed in (1, 2):
        options: sample.Options = {"seed": seed, "tracks": 60, "listens": 600}
        sample.generate(tmp_path / str(seed), **options)
    one, two = content(tmp_path / "1"), content(tmp_path / "2")
    assert len(one) == 6
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one)


def test_more_listens_leave_the_tracks_as_they_are(tmp_path: Path) -> None:
    for listens in (300, 400):
        options: sample.Options = {**SMALL, "listens": listens}
        sample.generate(tmp_path / str(listens), **options)
    name = "track_features.csv"
    few, more = content(tmp_path / "300"), content(tmp_path / "400")
    assert few.pop(name) == more.pop(name)
    assert few != more


def test_paths_are_the_files_in_order_of_name(tmp_path: Path) -> None:
    paths = sample.generate(tmp_path / "new" / "folder", **SMALL)
    assert paths == sorted((tmp_path / "new" / "folder").iterdir())
    assert [path.name for path in paths] == list(sample.expected(**SMALL))


def test_keys_are_distributed_as_in_the_notes(landed: Landed) -> None:
    assert landed.keys() == NOTES
    assert len(landed.tracks) == 1716


def test_default_keys_are_those_of_the_notes_file() -> None:
    path = PROJECT.parent / "shared/data/notes/saved_track_features.csv"
    if not path.exists():
        pytest.skip("../shared/data is absent")
    assert Counter(int(row["key"]) for row in read(path) if row) == sample.KEY_COUNTS


def test_keys_follow_another_distribution(tmp_path: Path) -> None:
    counts = {-1: 3, 4: 50, 11: 1, 7: 20}
    landed = land(tmp_path, {"key_counts": counts, "listeners": 3, "listens": 50})
    assert landed.keys() == counts


@pytest.mark.parametrize("tracks", [1, 12, 500, 3000])
def test_another_number_of_tracks_keeps_the_proportions(tmp_path: Path, tracks: int) -> None:
    landed = land(tmp_path, {"tracks": tracks, "listeners": 3, "listens": 50})
    keys = landed.keys()
    assert keys.total() == tracks
    assert all(abs(keys[key] - n * tracks / 1716) < 1 for key, n in NOTES.items())


def test_promised_counts_are_those_in_the_files(landed: Landed) -> None:
    promised = sample.expected()
    assert promised == landed.counts
    total = sum(promised.values(), Counter[str]())
    assert total["accepted"] == 40_000 + 1_716
    assert total["superseded"] == 5
    assert 0.005 < total["duplicate"] / 40_000 < 0.02


@given(
    seed=st.integers(0, 2**64),
    tracks=st.integers(1, 40),
    listeners=st.integers(1, 8),
    more=st.integers(0, 400),
)
@settings(max_examples=25, deadline=None)
def test_small_samples_keep_their_promises(
    seed: int, tracks: int, listeners: int, more: int
) -> None:
    options: sample.Options = {
        "seed": seed,
        "tracks": tracks,
        "listeners": listeners,
        "listens": listeners + more,
    }
    with TemporaryDirectory() as folder:
        landed = land(Path(folder), options)
    assert sample.expected(**options) == landed.counts
    assert len(landed.tracks) == tracks
    assert len(landed.listens) == listeners + more
    assert len(landed.by_listener()) == listeners


def test_every_reason_of_the_documentation_occurs(landed: Landed) -> None:
    listens = sum(
        (count for name, count in landed.counts.items() if "history" in name),
        Counter[str](),
    )
    text = (PROJECT / "docs/sample.md").read_text("utf-8")
    for counts in (listens, landed.counts["track_features.csv"]):
        for outcome in counts - Counter(accepted=10**6, duplicate=10**6, superseded=10**6):
            line = rf"^\| .*`{outcome}` \| .*\b{counts[outcome]}\b.* \|$"
            assert re.search(line, text, re.MULTILINE), (outcome, counts[outcome])


def test_duplicates_are_within_files_and_across(folder: Path) -> None:
    seen: set[tuple[str, ...]] = set()
    within = across = 0
    for path in sorted(folder.glob("listening_history*")):
        rows = [tuple(row.values()) for row in read(path) if row]
        within += len(rows) - len(set(rows))
        across += len(seen & set(rows))
        seen |= set(rows)
    assert within > 50
    assert across > 100


def test_corrections_change_the_title_alone(folder: Path) -> None:
    first: dict[str, Row] = {}
    corrected = []
    for row in read(folder / "track_features.csv"):
        if row and not track_reason(row) and first.setdefault(row["id"], row) is not row:
            changed = {c for c in row if row[c] != first[row["id"]][c]}
            corrected.append(changed)
    assert corrected == [{"title"}] * 5


def test_faulty_tracks_are_never_accepted_nor_heard(landed: Landed) -> None:
    bad = landed.bad_ids - {""}
    heard = {row["id"] for row in landed.listens.values()}
    assert len(bad) > 8
    assert not bad & (landed.tracks.keys() | heard)


def test_tracks_look_like_real_ones(landed: Landed) -> None:
    tracks = list(landed.tracks.values())
    assert all(re.fullmatch("[0-9A-Za-z]{22}", row["id"]) for row in tracks)
    assert all(90_000 <= int(row["duration_ms"]) <= 420_000 for row in tracks)
    tempo = np.array([float(row["tempo"]) for row in tracks])
    assert 1 <= (tempo == 0).sum() <= 15
    assert tempo[tempo > 0].min() >= 50
    assert tempo.max() <= 210
    loudness = np.array([float(row["loudness"]) for row in tracks])
    assert -60 <= loudness.min() < loudness.max() <= 0
    energy = np.array([float(row["energy"]) for row in tracks])
    assert np.corrcoef(energy, loudness)[0, 1] > 0.7
    artists = Counter(row["artist"] for row in tracks)
    assert 180 <= len(artists) <= 250
    assert artists.most_common(1)[0][1] > 5 * np.median(list(artists.values()))
    assert 10 <= len({row["genre"] for row in tracks}) <= 12
    assert len({(row["artist"], row["title"]) for row in tracks}) == len(tracks)
    beats = Counter(row["time_signature"] for row in tracks)
    assert beats["4"] > 0.9 * len(tracks)


def test_genres_sound_different(landed: Landed) -> None:
    features = np.array([[float(r[c]) for c in SHARES] for r in landed.tracks.values()])
    genres = np.array([row["genre"] for row in landed.tracks.values()])
    within = sum(
        (features[genres == g].var(axis=0) * (genres == g).mean() for g in set(genres)),
        np.zeros(len(SHARES)),
    )
    assert (1 - within / features.var(axis=0)).mean() > 0.3


def test_listens_fill_the_fourteen_months(landed: Landed) -> None:
    times = sorted(row["timestamp"] for row in landed.listens.values())
    months = Counter(time[:7] for time in times)
    assert len(months) == 14
    assert min(months.values()) > 1_000
    assert times[0] > "2025-05-01"
    assert times[-1].startswith("2026-06-30")
    hours = Counter(time[11:13] for time in times)
    assert hours["20"] > 4 * hours["03"]


def test_listeners_differ_in_activity(landed: Landed) -> None:
    counts = sorted(len(rows) for rows in landed.by_listener().values())
    assert len(counts) == 200
    assert sum(count <= 3 for count in counts) >= 4
    assert sum(counts[-20:]) > 0.3 * sum(counts)
    last = [rows[-1]["timestamp"] for rows in landed.by_listener().values()]
    assert 60 <= sum(time < "2026-05-01" for time in last) <= 120


def test_listeners_repeat_skip_and_listen_in_sessions(landed: Landed) -> None:
    repeats = skips = near = 0
    for rows in landed.by_listener().values():
        repeats += len(rows) - len({track_of(row) for row in rows})
        skips += sum(0 < int(row["ms_played"] or 0) < 30_000 for row in rows)
        times = [datetime.fromisoformat(row["timestamp"]) for row in rows]
        near += sum(b - a < timedelta(minutes=10) for a, b in pairwise(times))
    n = len(landed.listens)
    assert 0.3 < repeats / n < 0.8
    assert 0.05 < skips / n < 0.3
    assert 0.6 < near / n < 0.95


def test_who_finishes_a_track_comes_back_to_it(landed: Landed) -> None:
    """By chance alone, skipped and finished finds would be heard again as often."""
    again: dict[bool, list[bool]] = {True: [], False: []}  # by whether it was skipped
    for rows in landed.by_listener().values():
        plays = Counter(map(track_of, rows))
        finds = {track_of(row): row["ms_played"] for row in reversed(rows)}
        for track, ms_played in finds.items():
            if ms_played:
                again[int(ms_played) < 30_000].append(plays[track] > 1)
    assert np.mean(again[False]) > 1.5 * np.mean(again[True])


def test_nobody_hears_two_tracks_at_a_time(landed: Landed) -> None:
    for rows in landed.by_listener().values():
        for row, following in pairwise(rows):
            gap = datetime.fromisoformat(following["timestamp"]) - datetime.fromisoformat(
                row["timestamp"]
            )
            assert gap > timedelta(milliseconds=int(row["ms_played"] or 0))


def test_tastes_are_narrower_than_popularity(landed: Landed) -> None:
    def top_three(genres: Counter[str]) -> float:
        return sum(n for _, n in genres.most_common(3)) / genres.total()

    own = [
        top_three(landed.genres(rows))
        for rows in landed.by_listener().values()
        if len(rows) >= 50
    ]
    everyone = top_three(landed.genres(list(landed.listens.values())))
    assert np.median(own) > 1.5 * everyone


def test_tastes_drift(landed: Landed) -> None:
    """Months apart, a listener's genres differ more than odd from even listens do."""

    def distance(one: list[Row], two: list[Row]) -> float:
        a, b = landed.genres(one), landed.genres(two)
        return sum(abs(a[g] / a.total() - b[g] / b.total()) for g in a | b) / 2

    halves, parities = [], []
    for rows in landed.by_listener().values():
        if len(rows) >= 200:
            halves.append(distance(rows[: len(rows) // 2], rows[len(rows) // 2 :]))
            parities.append(distance(rows[::2], rows[1::2]))
    assert len(halves) > 20
    assert np.median(halves) > 2 * np.median(parities)


def test_recently_popular_is_not_popular_of_all_time(landed: Landed) -> None:
    rows = list(landed.listens.values())
    always = Counter(map(track_of, rows))
    recently = Counter(track_of(row) for row in rows if row["timestamp"] >= "2026-06-01")
    common = dict(always.most_common(50)).keys() & dict(recently.most_common(50)).keys()
    assert 5 <= len(common) <= 40
    early = Counter(track_of(row) for row in rows if row["timestamp"] < "2025-08-01")
    risen = [t for t, n in recently.most_common(50) if early[t] < n / 10]
    assert len(risen) >= 8
    assert sorted(always.values())[-1] > 20 * np.median(list(always.values()))


def test_some_listens_lack_something_that_is_allowed(landed: Landed) -> None:
    rows = list(landed.listens.values())
    unnamed = [row for row in rows if not row["id"]]
    unlisted = [row for row in rows if row["id"] and row["id"] not in landed.tracks]
    unknown = [row for row in rows if not row["ms_played"]]
    assert 0.001 < len(unnamed) / len(rows) < 0.1
    assert 0.005 < len(unlisted) / len(rows) < 0.15
    assert 0.02 < len(unknown) / len(rows) < 0.04
    assert all(row["artist"] and row["title"] for row in unnamed)


def habitual(tmp_path: Path, habits: Habits) -> list[list[Row]]:
    """The histories of twelve listeners with such habits, 300 listens each on average."""
    landed = land(tmp_path, {"listeners": 12, "listens": 3_600, "habits": habits})
    return list(landed.by_listener().values())


def repeat_share(histories: list[list[Row]]) -> float:
    heard = sum(len(rows) for rows in histories)
    return 1 - sum(len({track_of(row) for row in rows}) for rows in histories) / heard


def test_the_repeat_rate_decides_how_much_is_heard_again(tmp_path: Path) -> None:
    shares = [
        repeat_share(habitual(tmp_path / str(rate), Habits(repeat_rate=rate, skew=0)))
        for rate in (0.0, 0.45, 1.0)
    ]
    # Without repeats, what is heard twice was found twice.
    assert shares[0] + 0.1 < shares[1] < shares[2] - 0.1


def test_the_skew_decides_how_popular_the_popular_are(tmp_path: Path) -> None:
    tops = []
    for skew in (0.0, 0.6, 1.5):
        histories = habitual(tmp_path / str(skew), Habits(skew=skew, tastes=6))
        counts = Counter(track_of(row) for rows in histories for row in rows)
        tops.append(sum(count for _, count in counts.most_common(20)) / counts.total())
    assert 1.5 * tops[0] < tops[1] < tops[2] / 1.5


def test_tastes_and_drift_decide_which_genres_are_heard(tmp_path: Path) -> None:
    def genres(tastes: int, drift: float) -> tuple[float, float]:
        """Share of the most heard genre, and of the late listens in early genres."""
        habits = Habits(tastes=tastes, drift=drift)
        options: sample.Options = {"listeners": 12, "listens": 3_600, "habits": habits}
        landed = land(tmp_path / f"{tastes} {drift}", options)
        tops, kept = [], []
        for rows in landed.by_listener().values():
            if len(rows) >= 100:
                early, late = (
                    landed.genres(part)
                    for part in (rows[: len(rows) // 4], rows[-len(rows) // 4 :])
                )
                tops.append(early.most_common(1)[0][1] / early.total())
                common = [genre for genre, _ in early.most_common(tastes)]
                kept.append(sum(late[genre] for genre in common) / late.total())
        return float(np.median(tops)), float(np.median(kept))

    narrow, wide = genres(2, 0.0), genres(6, 0.0)
    assert narrow[0] > wide[0] + 0.15
    assert narrow[1] > genres(2, 1.0)[1] + 0.1


SEGMENTS = {
    "hibernating": "[12][12]", "at_risk": "[12][34]", "cant_lose": "[12]5",
    "about_to_sleep": "3[12]", "need_attention": "33", "loyal": "[34][45]",
    "promising": "41", "new": "51", "potential_loyalist": "[45][23]",
    "champions": "5[45]",
}  # fmt: skip


@pytest.mark.parametrize("entity", ["listener", "track"])
def test_every_rfm_segment_is_populated(landed: Landed, entity: str) -> None:
    times: dict[str, list[float]] = defaultdict(list)
    for row in landed.listens.values():
        name = row["listener"] if entity == "listener" else track_of(row)
        times[name].append(datetime.fromisoformat(row["timestamp"]).timestamp())

    def bands(values: list[float]) -> list[int]:
        cuts = np.percentile(values, [20, 40, 60, 80])
        return [1 + int((value > cuts).sum()) for value in values]

    frequency = bands([len(ts) for ts in times.values()])
    age = bands([-max(ts) for ts in times.values()])
    cells = Counter(f"{6 - a}{f}" for a, f in zip(age, frequency, strict=True))
    for segment, pattern in SEGMENTS.items():
        assert any(re.fullmatch(pattern, cell) for cell in cells), segment


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": -1}, "seed -1"),
        ({"listeners": 0}, "0 listeners"),
        ({"listeners": 9, "listens": 8}, "9 listeners and 8 listens"),
        ({"tracks": 0}, "0 tracks"),
        ({"key_counts": {}}, r"0 tracks with \{\}"),
        ({"key_counts": {12: 5}}, r"\{12: 5\}"),
        ({"key_counts": {3: -5, 4: 9}}, r"\{3: -5, 4: 9\}"),
        ({"listeners": 1, "listens": 400_000}, "400000 tracks in 426 days"),
        ({"habits": Habits(repeat_rate=1.1)}, "repeat_rate=1.1"),
        ({"habits": Habits(drift=-0.5)}, "drift=-0.5"),
        ({"habits": Habits(tastes=7)}, "tastes=7"),
        ({"habits": Habits(skew=math.nan)}, "skew=nan"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_written(
    tmp_path: Path, options: sample.Options, said: str
) -> None:
    with pytest.raises(EncoreError, match=said) as caught:
        sample.generate(tmp_path / "out", **options)
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(EncoreError, match="taken: File exists"):
        sample.generate(tmp_path / "taken", **SMALL)
