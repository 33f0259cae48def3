"""A report on one listener: one page, whatever the names and however long the history."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_hooks import report_page
from python_hooks.errors import EncoreError
from python_hooks.report_data import Listening

NAME = "<script>alert('me')</script>"
SEGMENTS = [
    {
        "recency_score": r,
        "frequency_score": f,
        "rf_segment": "champions" if r + f > 6 else "hibernating",
        "meaning": "seldom & long ago",
        "listener_count": r * f if r < 5 else None,
    }
    for r in range(1, 6)
    for f in range(1, 6)
]


def listening(count: int, years: int = 2, **changed: Any) -> Listening:
    rng = np.random.default_rng(1)
    seconds = np.sort(rng.integers(0, years * 365 * 86400, count))
    moments = np.datetime64("2022-02-28T23:30:00", "s") + seconds.astype("timedelta64[s]")
    tracks = [
        {
            "track_id": f"t{number}",
            "title": None if number == 3 else f"{NAME} {number}",
            "artist": NAME if number % 2 else None,
            "musical_key": None if number == 5 else number % 12,
            "frequency": 100 - number,
            "age_s": 5_000 + (86400 * 400 if number == 1 else 0),
        }
        for number in range(40)
    ]
    items = [{"track_id": "t1", "title": None, "artist": "B", "reason": "played 5 times"}]
    summary = {
        "listen_count": count,
        "track_count": 40,
        "active_day_count": 12,
        "listen_ms": None,
        "repeat_share": 0.5,
        "first_listened_at": datetime(2022, 2, 28, tzinfo=UTC),
        "last_listened_at": datetime(2024, 2, 28, tzinfo=UTC),
        "recency_score": 5,
        "frequency_score": 4,
        "rf_segment": "champions",
    }
    keys = [
        {"musical_key": key, "pitch_class": "CDEFGAHIJKLM"[key], "listen_count": 5}
        for key in range(12)
    ]
    keys.append({"musical_key": None, "pitch_class": None, "listen_count": 9})
    return Listening(
        listener_id=NAME,
        release="20260101T000000000000",
        listened_at=moments,
        zone="UTC",
        summary=summary | changed,
        tracks=tracks,
        keys=keys,
        segments=SEGMENTS,
        familiar=items,
        discoveries=[],
        fallbacks=["a <popular> list", ""],
    )


@pytest.mark.parametrize("count", [1, 50, 1_000_000])
def test_a_page_loads_nothing_and_names_are_text(count: int, tmp_path: Path) -> None:
    page = report_page.write(listening(count), tmp_path / "new" / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert" in page
    assert not re.search(r"(src|href)\s*=\s*[\"']?[^\"'#]", page)
    assert not re.search(r"url\((?!#)|@import", page)
    # Every colour is the page's, so that a dark screen has its own.
    assert set(re.findall(r"#[0-9a-f]{6}\b", page.partition("</style>")[2])) <= {"#ffffff"}
    assert page.count("<svg") == 4
    assert page.count("role=") == 4
    assert f"{count:,}" in page
    assert len(page) < 2_000_000


def test_the_same_listening_gives_the_same_bytes(tmp_path: Path) -> None:
    first = report_page.write(listening(50), tmp_path / "a.html").read_bytes()
    assert report_page.write(listening(50), tmp_path / "b.html").read_bytes() == first


def test_what_was_played_often_and_long_ago_is_forgotten(tmp_path: Path) -> None:
    page = report_page.write(listening(50), tmp_path / "a.html").read_text()
    (rows,) = re.findall(r"Forgotten favourites</h2><table>(.*?)</table>", page)
    assert rows.count("<tr>") == 2
    assert "99 times" in rows
    assert "400 days" in rows


def test_few_listeners_make_no_segments_and_no_key_no_wheel(tmp_path: Path) -> None:
    few = listening(3, rf_segment=None, recency_score=None, frequency_score=None)
    for row in few.tracks:
        row["musical_key"] = None
    page = report_page.write(few, tmp_path / "a.html").read_text()
    assert page.count("<svg") == 2
    assert "No segment yet" in page
    assert "a &lt;popular&gt; list" in page
    assert "no audio features" in page


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoreError, match="cannot be written"):
        report_page.write(listening(1), tmp_path / "file" / "a.html")
