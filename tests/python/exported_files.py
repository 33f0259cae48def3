"""Invented exports of streaming services, in every shape and with every quirk known."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

NOBODY = "198.51.100.7"
A, B = "1A2b3C4d5E6f7G8h9I0jKl", "9Z8y7X6w5V4u3T2s1R0qPo"


def extended(ended_at: str, uri: str | None, **changed: Any) -> dict[str, Any]:
    """An object as of 2023 and later."""
    return {
        "ts": ended_at,
        "platform": "android",
        "ms_played": 60_000,
        "conn_country": "SE",
        "ip_addr": NOBODY,
        "master_metadata_track_name": "Blue Lamp",
        "master_metadata_album_artist_name": "The Examples",
        "master_metadata_album_album_name": "Lamps (Deluxe)",
        "spotify_track_uri": uri,
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": True,
        "skipped": None,
        "offline": False,
        "offline_timestamp": 1679250523,
        "incognito_mode": False,
    } | changed


def endsong(ended_at: str, uri: str, **changed: Any) -> dict[str, Any]:
    """An object as it was before: with a user's name, without audiobooks."""
    row = extended(ended_at, uri, offline_timestamp=1679250523123, **changed)
    row = {key: value for key, value in row.items() if not key.startswith("audiobook")}
    row["ip_addr_decrypted"] = row.pop("ip_addr")
    return row | {"username": "very private name", "user_agent_decrypted": "unknown"}


_NAMES = dict.fromkeys(
    ("master_metadata_track_name", "master_metadata_album_artist_name"), None
)
NEW = [
    extended("2024-01-02T10:01:00Z", f"spotify:track:{A}"),
    # Offline plays come with one and the same moment, and not in order.
    extended("2023-03-19T18:31:37Z", f"spotify:track:{B}", ms_played=0),
    extended("2023-03-19T18:31:37Z", f"spotify:track:{A}", skipped=True),
    extended("2023-03-19T18:31:37Z", f"spotify:track:{A}", skipped=True),
    extended("2023-04-01T00:00:30Z", "spotify:local:The+Examples::Blue+Lamp:31"),
    extended(
        "2023-04-02T10:00:00Z",
        None,
        spotify_episode_uri="spotify:episode:5",
        episode_name="Ep. 9",
        **_NAMES,
    ),
    extended(
        "2023-04-03T10:00:00Z", None, audiobook_uri="spotify:show:6", ms_played=9, **_NAMES
    ),
    extended("2023-04-04T10:00:00Z", f"spotify:track:{A}", incognito_mode=True),
    extended("2023-04-05T10:00:00Z", None, **_NAMES),
]
OLD = [
    endsong("2017-05-06T07:08:09Z", f"spotify:track:{B}", reason_end=None),
    endsong("2017-05-06T07:08:10Z", f"spotify:track:{B}", incognito_mode=None),
]
ACCOUNT = [
    {
        "endTime": "2023-03-19 18:31",
        "artistName": "The Examples",
        "trackName": "Blue  LAMP",
        "msPlayed": 90_000,
    },
    {"endTime": "2023-03-19 18:31", "artistName": "Ö", "trackName": "É", "msPlayed": 0},
]
PODCAST = [
    {
        "endTime": "2023-03-20 18:31",
        "podcastName": "Some Show",
        "episodeName": "Ep. 9",
        "msPlayed": 5,
    }
]
LISTENBRAINZ = [
    {
        "listened_at": 1679250600,
        "user_name": "ann",
        "recording_msid": "0f1e",
        "track_metadata": {
            "artist_name": "The Examples",
            "track_name": "Blue Lamp",
            "release_name": "Lamps",
            "additional_info": {
                "spotify_id": f"https://open.spotify.com/track/{A}",
                "tags": ["calm", "blue"],
            },
        },
    },
    {
        "listened_at": 1679250700,
        "track_metadata": {"artist_name": "The Examples", "track_name": "Red Lamp"},
    },
]
LASTFM = (
    "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
    '1679250600,"19 Mar 2023, 18:30",The Examples,,Lamps,,Blue Lamp,\n'
    '1679250800,"19 Mar 2023, 18:33","Ö, ""Ä""",,Lamps,,"É, or not",\n'
)
_FOLDER = "Spotify Extended Streaming History"
EXTENDED_EXPORT = {
    f"{_FOLDER}/Streaming_History_Audio_2021-2022_0.json": json.dumps(NEW),
    f"{_FOLDER}/ReadMeFirst_ExtendedStreamingHistory.pdf": "%PDF-1.4",
    "MyData/endsong_0.json": json.dumps(OLD, indent=2),
}
ACCOUNT_EXPORT = {
    "Spotify Account Data/StreamingHistory_music_0.json": json.dumps(ACCOUNT),
    "Spotify Account Data/StreamingHistory_podcast_0.json": json.dumps(PODCAST),
    "Spotify Account Data/Userdata.json": json.dumps({"username": "x"}, indent=2),
    "Spotify Account Data/Playlist1.json": json.dumps({"playlists": []}),
    "Spotify Account Data/Inferences.json": json.dumps(["likes lamps"]),
    "__MACOSX/Spotify Account Data/._StreamingHistory_music_0.json": "\0",
}
LISTENBRAINZ_EXPORT = {
    "listens/2023/3.jsonl": "".join(json.dumps(row) + "\n" for row in LISTENBRAINZ),
    "user.json": json.dumps({"user_id": 1, "username": "ann"}),
}


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()
