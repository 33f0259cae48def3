-- One row per track that the catalogue describes or that somebody heard: what
-- it sounds like, as of the last batch, and how it is heard, over all layers.
with

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

vectors as (

    select * from {{ ref('feat_track_vectors') }}

),

heard as (

    select * from {{ ref('int_track_listening') }}

),

-- Not a full outer join, which Spark reads whole to find a few tracks.
known as (

    select track_id from tracks
    union distinct
    select track_id from heard

),

features as (

    select
        known.track_id,
        tracks.danceability,
        tracks.energy,
        tracks.loudness,
        tracks.speechiness,
        tracks.acousticness,
        tracks.instrumentalness,
        tracks.liveness,
        tracks.valence,
        tracks.tempo_bpm,
        tracks.musical_key,
        tracks.mode,
        vectors.vector,
        tracks.duration_ms,
        coalesce(heard.listen_count, 0) as listen_count,
        coalesce(heard.listener_count, 0) as listener_count,
        coalesce(heard.decayed_listen_count, 0.0D) as decayed_listen_count,
        heard.skip_rate,
        heard.first_listened_at,
        heard.last_listened_at
    from known
    left outer join tracks
        on known.track_id = tracks.track_id
    left outer join vectors
        on known.track_id = vectors.track_id
    left outer join heard
        on known.track_id = heard.track_id

)

select * from features
