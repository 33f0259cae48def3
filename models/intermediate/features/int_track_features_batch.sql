-- One row per track, with the features that the last batch build
-- gave. They stay while speed runs replace the mart: what the online store is
-- built from.
with

features as (

    select * from {{ ref('feat_tracks') }}

),

kept as (

    select
        track_id,
        danceability,
        energy,
        loudness,
        speechiness,
        acousticness,
        instrumentalness,
        liveness,
        valence,
        tempo_bpm,
        musical_key,
        mode,
        vector,
        duration_ms,
        listen_count,
        listener_count,
        decayed_listen_count,
        first_listened_at,
        last_listened_at
    from features

)

select * from kept
