-- One row per track that the catalogue describes or that somebody heard.
with

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

heard_tracks as (

    select * from {{ ref('int_tracks_heard') }}

),

described as (

    select
        coalesce(tracks.track_id, heard_tracks.track_id) as track_id,
        coalesce(tracks.title, heard_tracks.title) as title,
        coalesce(tracks.artist, heard_tracks.artist) as artist,
        tracks.genre,
        tracks.musical_key,
        tracks.mode,
        tracks.tempo_bpm,
        tracks.duration_ms,
        tracks.time_signature,
        {{ has_every_feature() }} as has_features,
        tracks.track_id is not null as is_in_catalogue
    from tracks
    full outer join heard_tracks
        on tracks.track_id = heard_tracks.track_id

)

select * from described
