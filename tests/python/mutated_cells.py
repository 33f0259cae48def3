"""One cell of a good file is written otherwise: what it then holds, or why it is rejected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.python.file_damage import TYPED, Damage, Good, Mutation

BIG = 9007199254740993


@dataclass(frozen=True)
class Reason:
    """Why a row is rejected."""

    name: str


def at(moment: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def reason(name: str, *texts: str) -> dict[str, Any]:
    """Texts of a cell that are all rejected for one reason."""
    return dict.fromkeys(texts, Reason(name))


# Per column the text of a cell, and the value it becomes or the reason to reject it.
LISTENS: dict[str, dict[str, Any]] = {
    "id": {
        "  a b\t": "a b",
        "\u00a0a\u00a0b\u00a0": "a\u00a0b",
        "x" * 10_000: "x" * 10_000,
        "🎧 héard": "🎧 héard",
        "'; drop table listens; --": "'; drop table listens; --",
        "[/b] :bee: {{ x }} ${y} %s \\": "[/b] :bee: {{ x }} ${y} %s \\",
        "007": "007",
        str(BIG): str(BIG),
        "nana": "nana",
    }
    | reason("text_damaged", "a\0b"),
    "listener": {" ann lee ": "ann lee", "Nan": "Nan"}
    | reason("listener_missing", "", " ", "\u00a0", "NaN", "NULL", "None", "NA", "\\N")
    | reason("text_damaged", "ann\0"),
    "timestamp": {
        "2024-07-09T14:30:05.25Z": at("2024-07-09T14:30:05.250000"),
        "2024-07-09 14:30:05": at("2024-07-09T14:30:05"),
        "2024-07-09": at("2024-07-09"),
        "2024-07-09T14:30:05+05:30": at("2024-07-09T09:00:05"),
        "2024-07-09 14:30:05 Europe/Berlin": at("2024-07-09T12:30:05"),
        "2024-10-27 02:30:00 Europe/Berlin": at("2024-10-27T00:30"),
        "2024-03-31 02:30:00 Europe/Berlin": at("2024-03-31T01:30"),
        "2024-07-09T14:30:05.123456789Z": at("2024-07-09T14:30:05.123456"),
        "1720535405": at("2024-07-09T14:30:05"),
        "1720535405250": at("2024-07-09T14:30:05.250000"),
        "1720535405.25": at("2024-07-09T14:30:05.250000"),
        "1990-01-01T00:00:00Z": at("1990-01-01"),
    }
    | reason("timestamp_missing", "", " ")
    | reason(
        "timestamp_out_of_range",
        *("1970-01-01T00:00:00Z", "0000000000", "0000000000000", "1989-12-31T23:59:59Z"),
        *("2100-01-01", "9999999999", "9999999999999", "2024070914", "0001-01-01"),
    )
    | reason(
        "timestamp_unreadable",
        *("2024-02-30", "2023-02-29T10:00:00Z", "2024-07-09T24:00:00Z", "2024-13-01"),
        *("2016-12-31T23:59:60Z", "14:30", "now", "yesterday", "NaN", "Infinity", "0"),
        *("09/07/2024 14:30", "2024-7-9", "20240709", "Jul 9, 2024", "2024-07"),
        *("2024-07-09 14:30 CST", "2024-07-09T14:30:05+25:00", "2024-07-09T14:30:05,25Z"),
        *("1720535405.", "1.7205354e9", "1720535405250000", "-1720535405", "45482.6"),
        *("2024-07-09T14:30:05Z\0", "2024-07-09 2:30 PM", "١٧٢٠٥٣٥٤٠٥"),
    ),
    "ms_played": {
        "": None,
        "0": 0,
        "4.0": 4,
        "007": 7,
        "+5": 5,
        "1e5": 100_000,
        "1.5e3": 1500,
        "604800000": 604_800_000,
    }
    | reason(
        "ms_played_invalid",
        *("4.5", "-1", "NaN", "Infinity", "1e400", "1e999999999", "1e-999999999"),
        *("604800001", str(BIG), "9223372036854775807", "9223372036854775808"),
        *("4.0000000001", "1e-10", "3:25", "1,234", "0x10", "12d", "true", "null"),
        *("٤", "4\0"),
    ),
    "title": {"": None, 'two\nlines, “quoted” "twice"': 'two\nlines, “quoted” "twice"'}
    | reason("text_damaged", "a\0b"),
}
TRACKS: dict[str, dict[str, Any]] = {
    "id": {" a b ": "a b", "007": "007", "🎧": "🎧"}
    | reason("track_missing", "", "\u00a0", "NaN", "None")
    | reason("text_damaged", "a\0b"),
    "key": {"": None, "-1": -1, "4.0": 4, "007": 7, "1e1": 10}
    | reason(
        "key_invalid",
        *("12", "-2", "4.5", "4.0000000001", "11.9999999999", "C#", "NaN", "1e400"),
        *(str(BIG), "4\0", "٤"),
    ),
    "mode": {"1.0": 1, "": None} | reason("mode_invalid", "2", "-1", "major", "true", "0.5"),
    "tempo": {"0": None, "": None, "1e2": 100, "120.5": 120.5, "007": 7}
    | reason(
        "tempo_invalid", "-1", "NaN", "nan", "Infinity", "1e400", "120,5", "fast", "120f"
    ),
    "danceability": {"0": 0, "1": 1, ".5": 0.5, "5e-1": 0.5, "": None}
    | reason(
        "audio_feature_invalid",
        *("1.0000001", "-0.1", "NaN", "nan", "50%", "0,5", "0.5f", "1e400", "null"),
    ),
    "loudness": {"-60": -60, "2.5": 2.5}
    | reason("audio_feature_invalid", "-Infinity", "NaN", "-7 dB", "-1e400"),
    "duration_ms": {"": None, "1": 1, "200000.0": 200_000, "2e5": 200_000}
    | reason("duration_invalid", "0", "-1", "3:25", "4.5", "604800001", str(BIG), "1e400"),
    "time_signature": {"3.0": 3, "": None}
    | reason("time_signature_invalid", "4/4", "-1", "100", "4.5"),
}


def mutations() -> Iterator[Mutation]:
    """Per column one mutation of the texts that are accepted, and one for each reason."""
    for source, columns in (("listens", LISTENS), ("tracks", TRACKS)):
        for column, texts in columns.items():
            reasons = [becomes for becomes in texts.values() if isinstance(becomes, Reason)]
            for why in (None, *dict.fromkeys(reasons)):
                yield _mutation(source, column, texts, why)
    for what, spelled in _SPELLED_ANEW.items():
        yield Mutation("listens", what, _again(spelled), duplicate=1)


def _mutation(
    source: str, column: str, texts: dict[str, Any], why: Reason | None
) -> Mutation:
    chosen = {
        text: becomes
        for text, becomes in texts.items()
        if (becomes if isinstance(becomes, Reason) else None) == why
    }

    def damage(found: Good) -> str:
        # From behind, as what is rejected is taken out; a good row stays at either end.
        for at, (text, becomes) in reversed(list(enumerate(chosen.items(), start=1))):
            found.rows[at][column] = text
            if why:
                del found.typed[at]
            else:
                found.typed[at][TYPED[source].get(column, column)] = becomes
        return found.text()

    what = f"{column} is {', '.join(map(_shown, chosen))}"
    rows = len(chosen) + 2
    if why:
        return Mutation(source, what, damage, rejected={why.name: len(chosen)}, rows=rows)
    values = ", ".join("unknown" if v is None else _shown(str(v)) for v in chosen.values())
    same = all(str(becomes) == text for text, becomes in chosen.items())
    return Mutation(source, what, damage, rows=rows, told="" if same else f" as {values}")


def _shown(text: str) -> str:
    """A text as code in a cell of a Markdown table."""
    if not text:
        return "empty"
    if len(text) > 100:
        return f"`{text[:3]}…`, {len(text):,} characters"
    quoted = repr(text)[1:-1] if not text.isprintable() or text != text.strip() else text
    return f"`{quoted}`".replace("|", "\\|")


# One moment, written in another way.
_SPELLED_ANEW: dict[str, Callable[[datetime], str]] = {
    "a listen once more, its time in epoch seconds": lambda at: f"{at.timestamp():.0f}",
    "a listen once more, its time in another zone": lambda at: (
        f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00"
    ),
}


def _again(spelled: Callable[[datetime], str]) -> Damage:
    def damage(found: Good) -> str:
        at = found.draw()
        again = {"timestamp": spelled(found.typed[at]["listened_at"])}
        found.rows.append(found.rows[at] | again)
        found.typed.append(found.typed[at])
        return found.text()

    return damage
