"""The main job over the sample, as a user runs it, and the answers it leaves behind."""

import csv
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from python_hooks import batch, landing, recommender, releases, run_history, sample, server
from python_hooks.bloom_filter import BloomFilter
from python_hooks.home import PROJECT, Home
from python_hooks.lock import build_lock
from python_hooks.warehouse import Warehouse
from tests.python import hostile, recommended
from tests.python.browser import needs_browser, opened
from tests.python.conftest import free_home
from tests.python.encore_command import encore, rows, run
from tests.python.installation import Installation

pytestmark = pytest.mark.warehouse


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation after its first `make build`."""
    home = free_home(tmp_path_factory.mktemp("build"))
    try:
        home_report = json.loads(encore(home, "run", "batch", "--json"))
        assert home_report["nothing_new"] is False
        yield home
    finally:
        server.stop(home)
        shutil.rmtree(home.root, ignore_errors=True)


def test_a_second_build_with_nothing_new_does_not_start_dbt(built: Home) -> None:
    again = json.loads(encore(built, "run", "batch", "--json"))
    assert again["nothing_new"] is True
    assert "dbt build" not in again["seconds"]


@pytest.mark.parametrize("edited", ["models", "seeds", "macros", "python_hooks"])
def test_an_edited_file_counts_as_new(
    edited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: Home
) -> None:
    for folder in ("models", "seeds", "macros", "python_hooks"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    monkeypatch.setattr(batch, "PROJECT", tmp_path)
    before = batch.inputs(built)
    assert batch.inputs(built) == before
    path = next(path for path in sorted((tmp_path / edited).rglob("*.*")) if path.is_file())
    path.write_bytes(path.read_bytes() + b"\n")
    assert batch.inputs(built) != before


def test_the_sample_is_accounted_for_as_it_promises(built: Home) -> None:
    accounts = {
        Path(row["source_file"]).name: row for row in rows(built, "fct_landing_accounts")
    }
    expected = sample.expected()
    assert accounts.keys() == expected.keys()
    for name, counts in expected.items():
        row = accounts[name]
        kinds = ("accepted", "duplicate", "superseded", "unreadable")
        assert {kind: row[f"rows_{kind}"] for kind in kinds} == {
            kind: counts[kind] for kind in kinds
        }, name
        assert row["rows_landed"] == counts.total(), name
    reasons: dict[str, int] = {}
    for row in rows(built, "fct_rejected_rows"):
        reasons[row["rejection_reason"]] = reasons.get(row["rejection_reason"], 0) + 1
    promised: dict[str, int] = {}
    for counts in expected.values():
        for reason, count in counts.items():
            if reason not in ("accepted", "duplicate", "superseded", "unreadable"):
                promised[reason] = promised.get(reason, 0) + count
    assert reasons == promised


def test_recommendations_have_reasons_with_numbers(built: Home) -> None:
    listener = most_active(built)
    answer = json.loads(encore(built, "recommend", listener, "-k", "5", "--json"))
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5]
    assert answer["fallback"] is None
    assert all(any(c.isdigit() for c in item["reason"]) for item in answer["items"])
    assert all(0 <= item["score"] <= 1 for item in answer["items"])


@pytest.mark.parametrize("discover", [False, True])
def test_everybodys_answer_is_their_list(built: Home, discover: bool) -> None:
    listeners, wrong = recommended.differing_answers(built, discover)
    assert len(listeners) == 200  # all of the sample
    assert wrong == []


def test_a_blend_with_ease_is_that_of_the_marts_and_its_term(built: Home) -> None:
    assert recommended.differing_blends(built, cap=3) == []


def test_no_list_is_crowded_by_an_artist_nor_discovers_what_was_heard(built: Home) -> None:
    assert recommended.crowded_lists(built, cap=3) == []
    assert recommended.heard_discoveries(built) == []
    answer = json.loads(
        encore(built, "recommend", most_active(built), "-k", "70", "--discover", "--json")
    )
    assert "popular tracks fill it" in answer["fallback"]
    assert len(answer["items"]) > 50


def test_a_false_positive_of_the_filter_hides_no_track(
    built: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = most_active(built)
    expected = recommender.recommend(listener, built, k=70, discover=True)
    monkeypatch.setattr(
        BloomFilter, "contains_many", lambda _self, _listener, tracks: [True] * len(tracks)
    )
    assert recommender.recommend(listener, built, k=70, discover=True) == expected


def test_an_unknown_listener_gets_the_popular_list(built: Home) -> None:
    answer = json.loads(encore(built, "recommend", "no'body\\", "--json"))
    assert "not known" in answer["fallback"]
    assert len(answer["items"]) == 10


def test_similar_tracks(built: Home) -> None:
    known = rows(built, "dim_tracks", "--where", "has_features", "--order-by", "track_id")[0]
    answer = json.loads(encore(built, "similar", known["track_id"], "-k", "5", "--json"))
    assert len(answer["items"]) == 5
    assert known["track_id"] not in {item["track_id"] for item in answer["items"]}
    refused = run(built, "similar", "no such track")
    assert refused.returncode == 1
    assert "no such track" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_similar_falls_back_to_neighbours_for_a_track_without_features(built: Home) -> None:
    heard = rows(
        built,
        "dim_tracks",
        "--where",
        "not has_features and track_id in (select track_id from encore.fct_track_neighbours)",
        "--order-by",
        "track_id",
    )[0]
    answer = json.loads(encore(built, "similar", heard["track_id"], "--json"))
    assert "no audio features" in answer["fallback"]
    assert answer["items"]
    assert {source for item in answer["items"] for source in item["sources"]} == {
        "neighbours"
    }


def test_search_finds_tracks_by_words_filters_and_slips(built: Home) -> None:
    where = "title rlike '^[A-Z][a-z]{4,} [A-Z][a-z]{4,}$' and artist is not null"
    track = rows(built, "dim_tracks", "--where", where, "--order-by", "track_id")[0]
    first, last = track["title"].lower().split()
    slip = f"{first[1]}{first[0]}{first[2:]} {last[:-1]}"
    for text in (track["title"], f'{first} {last} artist:"{track["artist"]}"', slip):
        answer = json.loads(encore(built, "search", text, "-k", "50", "--json"))
        assert (answer["query"], answer["release"] > "2") == (text, True)
        items = answer["items"]
        assert [item["rank"] for item in items] == list(range(1, len(items) + 1))
        found = {item["track_id"]: item for item in items}[track["track_id"]]
        assert {
            name: found[name] for name in ("title", "artist", "genre", "musical_key")
        } == {name: track[name] for name in ("title", "artist", "genre", "musical_key")}
    # Words without quotes are the same text.
    assert json.loads(encore(built, "search", first, last, "--json"))["items"]
    for code, text, said in (
        (1, "no such words", "No track has all of: no such words"),
        (1, "'\\!", "no letter or digit"),
        (2, "colour:red", "title, artist, genre, key"),
        (2, "genre:zydeco", "zydeco"),
        (2, "key:99", "-1 to 11"),
    ):
        refused = run(built, "search", text)
        assert (refused.returncode, refused.stdout) == (code, ""), text
        assert said in refused.stderr.replace("\n", " ")
        assert "Traceback" not in refused.stderr


def test_search_agrees_with_the_sql_of_the_terms(built: Home) -> None:
    # What the model's example says, against what the index says of the same words.
    postings = rows(built, "track_terms", "--where", "field = 'genre' and term = 'rock'")
    wanted = {row["track_id"]: row["bm25"] for row in postings}
    for row in rows(built, "track_terms", "--where", "field <> 'genre' and term = 'rock'"):
        wanted[row["track_id"]] = wanted.get(row["track_id"], 0) + row["bm25"]
    answer = json.loads(encore(built, "search", "rock", "-k", "5000", "--json"))
    # A word that is there as it is counts as a beginning and as an edit too.
    scores = {item["track_id"]: item["score"] - 0.3 for item in answer["items"]}
    assert {key: scores[key] for key in wanted} == pytest.approx(wanted, abs=1e-3)
    assert {row["track_id"]: row["term"] for row in postings}.keys() <= scores.keys()


def test_similar_tracks_with_a_text_are_among_those_a_search_finds(built: Home) -> None:
    known = rows(built, "dim_tracks", "--where", "has_features", "--order-by", "track_id")[0]
    answer = json.loads(
        encore(built, "similar", known["track_id"], "--text", "genre:rock", "--json")
    )
    scores = [item["score"] for item in answer["items"]]
    assert (len(scores), scores) == (10, sorted(scores, reverse=True))
    found = json.loads(encore(built, "search", "genre:rock", "-k", "5000", "--json"))
    ids = {item["track_id"] for item in found["items"]}
    assert {item["track_id"] for item in answer["items"]} <= ids - {known["track_id"]}
    refused = run(built, "similar", known["track_id"], "--text", "no such words")
    assert refused.returncode == 1
    assert "No track has all of" in refused.stderr


def test_features_online_are_those_of_the_marts(built: Home) -> None:
    marts = {
        "listener": ("feat_listeners", ["listener_id"]),
        "track": ("feat_tracks", ["track_id"]),
        "pair": ("feat_listener_tracks", ["listener_id", "track_id"]),
    }
    catalogue = json.loads(encore(built, "features", "--json"))
    assert {one["entity"] for one in catalogue} == marts.keys()
    for entity, (mart, key) in marts.items():
        offline = rows(built, mart, "--order-by", ", ".join(key))[:50]
        keys = [row[name] for row in offline for name in key]
        answer = json.loads(encore(built, "features", entity, *keys, "--json"))
        online = answer["features"]
        assert all(row["found"] for row in online)
        assert [{name: row[name] for name in offline[0]} for row in online] == offline
        refused = run(built, "features", entity, *["nobody" for _ in key])
        assert refused.returncode == 1
        assert answer["release"] in refused.stderr
        shown = encore(built, "features", entity, *keys[: len(key)])
        assert answer["release"] in shown
    for wrong in (["album", "x"], ["pair", "x"], ["listener"]):
        refused = run(built, "features", *wrong)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr


def test_show_prints_rows_as_csv_and_refuses_an_unknown_model(built: Home) -> None:
    printed = encore(built, "show", "fct_key_frequency", "--limit", "all", "--format", "csv")
    found = list(csv.DictReader(printed.splitlines()))
    assert {row["pitch_class"] for row in found} >= {"C", "B"}
    refused = run(built, "show", "fct_keys")
    assert refused.returncode == 1
    assert "fct_key_frequency" in refused.stderr


def test_a_second_build_at_the_same_time_is_refused_with_the_holder(built: Home) -> None:
    with build_lock(built, "a long build"):
        refused = run(built, "run", "batch")
    assert refused.returncode == 2
    assert "a long build" in refused.stderr


def test_own_files_do_not_mix_with_the_sample(built: Home, tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("id,timestamp\na,2024-01-01\n")
    refused = run(built, "land", str(tmp_path))
    assert refused.returncode == 2
    assert "encore reset" in refused.stderr


def test_the_doctor_finds_nothing_after_a_build(built: Home) -> None:
    found = json.loads(encore(built, "doctor", "--json"))
    assert {each["check"] for each in found} >= {"server", "accounts", "artifacts"}
    assert all(each["fine"] for each in found)


def test_a_damaged_artifact_is_refused_by_name(built: Home) -> None:
    # Releases share files: each is damaged once.
    files = built.artifacts.rglob("heard_tracks.bloom")
    for path in {path.stat().st_ino: path for path in files}.values():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    refused = run(built, "artifacts", "check")
    assert refused.returncode == 1
    assert "heard_tracks_filter" in refused.stdout
    assert "heard_tracks_filter" in encore(built, "doctor", "--json", expect=1)
    # More than the listener's own list: what fills it up asks the filter.
    answer = run(built, "recommend", most_active(built), "--discover", "-k", "60")
    assert answer.returncode != 0
    assert "heard_tracks_filter" in answer.stderr
    encore(built, "artifacts", "build")
    encore(built, "artifacts", "check")


ZONES = ("Mars/Olympus", "Europe", "../etc")


def test_a_report_is_of_one_listener_and_their_time(built: Home, tmp_path: Path) -> None:
    listener, page = most_active(built), tmp_path / "report.html"
    options = ("--page", str(page), "--timezone", "Asia/Kolkata")
    answer = json.loads(encore(built, "report", listener, *options, "--json"))
    assert answer["page"] == str(page)
    text = page.read_text()
    who = f"listener_id = '{listener}'"
    (facts,) = rows(built, "feat_listeners", "--where", who)
    for number in (facts["listen_count"], facts["track_count"]):
        assert f"<dd>{number:,}</dd>" in text
    for heading in ("Hours", "Keys", "Among all listeners", "To play again", "To discover"):
        assert f"<h2>{heading}" in text
    assert "Asia/Kolkata" in text
    assert "cannot" not in text
    for wrong in (("nobody",), *((listener, "--timezone", zone) for zone in ZONES)):
        done = run(built, "report", *wrong, "--page", str(tmp_path / "no.html"))
        assert done.returncode in (1, 2)
        assert wrong[-1] in done.stderr
        assert not (tmp_path / "no.html").exists()


def test_an_edit_is_compared_with_what_is_published(built: Home, tmp_path: Path) -> None:
    before = rows(built, "recommendation_weights")
    mine = Installation.copied(built, tmp_path)
    weights = "seeds/recommendation_weights.csv"
    mine.edit(weights, "familiar,repeats_90d,0.9608", "familiar,repeats_90d,0.0192")
    mine.edit(weights, "familiar,popular_7d,0.0192", "familiar,popular_7d,0.9608")
    keys = mine.project / "seeds" / "pitch_classes.csv"
    head, *lines = keys.read_text().splitlines()
    calm = [f"{line},calm" for line in lines[1:]]
    keys.write_text("\n".join([f"{head},mood", *calm]) + "\n")

    mine.encore("diff", "pitch_classes", expect=2)
    untested = ("--exclude-resource-type", "test", "unit_test")
    mine.encore("dev", "dbt", "--quiet", "build", "-s", "pitch_classes", *untested)
    found = json.loads(mine.encore("diff", "pitch_classes", "--json"))
    assert (found["columns_here"], found["columns_there"]) == ({"mood": "string"}, {})
    assert (found["only_here"], found["only_there"], found["rows_changed"]) == (0, 1, 0)
    (gone,) = found["samples"]["only_there"]
    assert list(gone.values()) == [-1]

    changed = "recommendation_weights"
    mine.encore("dev", "dbt", "--quiet", "build", "-s", changed)
    found = json.loads(mine.encore("diff", changed, "--json"))
    assert (found["changed"], found["rows_changed"]) == ({"weight": 2}, 2)
    key, there, here = found["samples"]["weight"][1]
    assert (key, there, here) == (
        {"mode": "familiar", "source": "repeats_90d"},
        0.9608,
        0.0192,
    )
    assert (found["lists"], "rec_listener_tracks" in found["notes"][0]) == ({}, True)

    # Parents that nobody selected are those that are published.
    mine.encore("dev", "dbt", "--quiet", "build", "-s", f"{changed}+", *untested)
    found = json.loads(mine.encore("diff", changed, "--json"))
    assert found["lists"]["discover"] == {"listeners": 200, "changed": 0}
    familiar = found["lists"]["familiar"]
    assert familiar["listeners"] == 200
    assert 0.9 * 200 < familiar["changed"] <= 200
    # Also from within the shell of `encore dev`; the names are the copy's.
    shown = mine.encore("dev", sys.executable, "-m", "python_hooks", "diff", changed)
    assert f"familiar: others for {familiar['changed']} of 200" in " ".join(shown.split())
    mine.encore("dev", "dbt", "test", "-s", changed, expect=2)
    mine.encore("dev", sys.executable, "-m", "python_hooks", "run", "batch", expect=2)

    # A row that comes twice is seen, and a key that is null is named.
    with Warehouse(built) as warehouse:
        warehouse.query(
            f"create or replace view {found['here'].split('.')[0]}.fct_key_frequency as "
            "select * except (track_share), track_share + 1 as track_share "
            "from encore.fct_key_frequency union all select * except (track_share), "
            "track_share from encore.fct_key_frequency where pitch_class is null"
        )
    found = json.loads(mine.encore("diff", "fct_key_frequency", "--json"))
    assert (found["rows_here"], found["rows_there"], found["only_here"]) == (14, 13, 1)
    assert found["samples"]["only_here"] == [{"musical_key": None}]
    mine.encore("diff", "fct_key_frequency")
    # What is published is as it was.
    assert rows(built, "recommendation_weights") == before


def test_a_new_listen_changes_the_lists_of_its_listener_alone(
    built: Home, tmp_path: Path
) -> None:
    # In a long list of favourites one play has no place.
    listener = rows(built, "fct_listener_rfm", "--order-by", "frequency, listener_id")[0][
        "listener_id"
    ]
    unheard = json.loads(encore(built, "recommend", listener, "--discover", "--json"))
    track = unheard["items"][0]["track_id"]
    (tmp_path / "new.csv").write_text(
        "id,timestamp,listener,ms_played\n"
        f"{track},2026-06-30T23:59:59.999Z,{listener},200000\n"
    )
    landing.land([str(tmp_path / "new.csv")], built, origin="sample")
    encore(built, "run", "minute")
    with Warehouse(built) as warehouse:
        release = releases.current(warehouse, built)
        for discover in (False, True):
            kept = recommended.kept_lists(warehouse, release, discover)
            fresh = recommended.fresh_lists(warehouse, release, discover)
            assert fresh.pop(listener) != kept.pop(listener)
            assert fresh == kept
    answer = json.loads(
        encore(built, "recommend", listener, "-k", "50", "--discover", "--json")
    )
    assert track not in {item["track_id"] for item in answer["items"]}
    familiar = json.loads(encore(built, "recommend", listener, "-k", "50", "--json"))
    (reason,) = (item["reason"] for item in familiar["items"] if item["track_id"] == track)
    assert reason.startswith("played once, last on 2026-06-30")


def test_hostile_names_are_data_in_all_layers(built: Home, tmp_path: Path) -> None:
    hostile.write_history(tmp_path / "names.csv")
    landing.land([str(tmp_path / "names.csv")], built, origin="sample")
    encore(built, "run", "minute")
    hostile.require_data(built)
    red = ("show", "fct_listener_rfm", "--where", "listener_id like '%red%'")
    assert "\x1b" not in encore(built, *red)
    # A file gets what is there; only a terminal is spared.
    to_a_file = encore(built, *red, "--format", "csv")
    assert "\x1b" in to_a_file
    assert "[red]red[/nope]" in to_a_file


def test_the_release_before_answers_where_an_artifact_is_damaged(built: Home) -> None:
    # Replaced, not written into: the release before shares the file.
    for path in ("heard_tracks.bloom", "track_vectors.faiss"):
        damaged = (built.artifacts / "current").resolve() / path
        content = damaged.read_bytes()
        damaged.unlink()
        damaged.write_bytes(content[:-1])
    answer = json.loads(
        encore(built, "recommend", most_active(built), "--discover", "-k", "60", "--json")
    )
    assert "heard_tracks_filter of release" in answer["fallback"]
    track = rows(built, "feat_track_vectors", "--order-by", "track_id")[0]["track_id"]
    alike = json.loads(encore(built, "similar", track, "--json"))
    assert f"it has {len(content) - 1} bytes, recorded {len(content)}" in alike["fallback"]
    assert alike["items"]
    encore(built, "artifacts", "check", expect=1)
    encore(built, "artifacts", "build")
    assert json.loads(encore(built, "similar", track, "--json"))["fallback"] is None


def most_active(home: Home) -> str:
    found: list[dict[str, Any]] = rows(
        home, "fct_listener_rfm", "--order-by", "frequency desc, listener_id"
    )
    return str(found[0]["listener_id"])


@pytest.fixture(scope="module")
def site(built: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The docs of that installation."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    assert encore(built, "docs", "--to", str(folder)).strip() == f"{folder}/index.html"
    return folder


def test_a_run_is_remembered_with_what_each_model_took(built: Home) -> None:
    batches = [each for each in run_history.read(built) if each.lane == "batch"]
    assert batches
    assert batches[-1].models["dim_tracks"] > 0
    assert batches[-1].tests > 100
    assert not batches[-1].failed
    assert sum(batches[-1].models.values()) > batches[-1].seconds / 10


def test_docs_have_the_lineage_and_what_was_built(built: Home, site: Path) -> None:
    pages = {path.name: path.read_text() for path in site.iterdir()}
    for name in ("track_vector_index", "fct_landing_accounts", "listening_history"):
        assert name in pages["dbt.html"]
    listens = len(rows(built, "fct_listen_recency"))
    assert f"<dd>{listens:,}</dd>" in pages["index.html"]
    assert "<td>dim_tracks</td>" in pages["runs.html"]
    assert "heard_tracks.bloom" in pages["artifacts.html"]
    assert "<td>landing.listening_history</td>" in pages["accounts.html"]
    assert "repeat_share" in pages["features.html"]


def test_docs_name_no_listener_and_replace_only_docs(
    built: Home, site: Path, tmp_path: Path
) -> None:
    # Shorter ones, such as `it's`, are also words of the scripts of dbt's page.
    heard = {row["listener_id"] for row in rows(built, "fct_listener_rfm")}
    names = {name for name in heard if len(name) > 6}
    assert len(names) > len(heard) / 2
    pages = {path.name: path.read_text() for path in site.iterdir()}
    assert not [(name, page) for name in names for page in pages if name in pages[page]]
    encore(built, "docs", "--to", str(site))
    assert {path.name for path in site.iterdir()} == pages.keys()
    (tmp_path / "mine.txt").write_text("mine")
    refused = run(built, "docs", "--to", str(tmp_path))
    assert refused.returncode == 2
    assert "holds something that is no docs" in refused.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


_DRAWN = """() => [...document.querySelectorAll('canvas')].some(canvas => {
    if (!canvas.width) return false;
    const drawn = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let green = 0, orange = 0;
    for (let at = 0; at < drawn.data.length; at += 4) {
        const [r, g, b] = drawn.data.slice(at, at + 3);
        green += g > b + 60 && g > r + 20;
        orange += r > 200 && g < 140 && b < 120;
    }
    return green > 100 && orange > 100;
})"""


@needs_browser
def test_docs_open_from_a_folder_and_lead_everywhere(site: Path) -> None:
    with opened(site) as (page, complaints):
        page.goto(f"{site.as_uri()}/index.html")
        # By keyboard alone: the first link of the page is itself, the second dbt's pages.
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/dbt.html*")
        page.get_by_text("Exposures", exact=True).locator("visible=true").first.wait_for()
        page.locator("#search").press_sequentially("btyd_frequency")
        page.get_by_text("4 search results").wait_for()
        page.get_by_text("fct_listener_rfm").locator("visible=true").first.wait_for()
        page.locator(".launcher-btn").click()
        # Sources are green and exposures orange: landing and artifacts are both in it.
        page.wait_for_function(_DRAWN)
        for name in ("features", "artifacts", "accounts", "runs", "evaluation"):
            page.goto(f"{site.as_uri()}/{name}.html")
            assert page.locator("main").inner_text().strip()
            assert page.locator("nav a[aria-current]").count() == 1
    assert not complaints


@needs_browser
def test_docs_fit_a_phone(site: Path) -> None:
    with opened(site, width=390) as (page, complaints):
        for path in sorted(set(site.glob("*.html")) - {site / "dbt.html"}):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path.name
    assert not complaints


# Commands of the tutorial, and something of what they say.
SAID = {
    "encore diff rec_listener_tracks": "familiar: others for",
    "encore diff fct_listener_rfm": "rf_segment",
    "encore dev dbt build -s fct_key_frequency  # exits with 1": "missing in contract",
    "encore diff fct_key_frequency": "median_tempo_bpm",
    "encore dev encore show fct_tempo_frequency": "tempo_band_bpm",
    "encore dev dbt ls -s +fct_tempo_frequency --resource-type source model": (
        "landing.track_features"
    ),
    "encore land plays.csv  # exits with 2": "encore reset",
    "encore show fct_landing_accounts": "landing.radio_plays",
    "encore artifacts check": "heard_versions_filter",
}


def test_the_tutorial_works_from_its_first_line_to_its_last(
    built: Home, tmp_path: Path
) -> None:
    # Puts the sample away, so nothing that needs it may come after.
    mine = Installation.copied(built, tmp_path)
    text = (PROJECT / "docs" / "tutorial.md").read_text()
    unseen = dict(SAID)
    for kind, block in re.findall(
        r"^```(diff|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE
    ):
        if kind == "diff":
            mine.shell("git apply -", block)
        else:
            for line in block.splitlines():
                command, _, code = line.partition("  # exits with ")
                said = mine.shell(command, expect=int(code or 0))
                assert unseen.pop(line, "") in said, said
    assert not unseen
    docs = mine.project / "docs" / "site" / "dbt.html"
    assert "fct_tempo_frequency" in docs.read_text()
