-- One row per track that the catalogue describes or that somebody heard.
with

recordings as (

    select * from {{ ref('int_track_recordings') }}

),

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

described as (

    select
        recordings.track_id,
        recordings.recording_id,
        recordings.title,
        recordings.artist,
        tracks.genre,
        tracks.musical_key,
        tracks.mode,
        tracks.tempo_bpm,
        tracks.duration_ms,
        tracks.time_signature,
        {{ has_every_feature() }} as has_features,
        tracks.track_id is not null as is_in_catalogue
    from recordings
    left outer join tracks
        on recordings.track_id = tracks.track_id

)

select * from described
