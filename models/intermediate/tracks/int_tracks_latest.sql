-- One row per track of the catalogue, as its last arrival describes it.
with

ranked_tracks as (

    select * from {{ ref('int_tracks_ranked') }}

),

latest as (

    select
        track_id,
        title,
        artist,
        genre,
        source_file,
        batch_id,
        source_line,
        danceability,
        energy,
        loudness,
        speechiness,
        acousticness,
        instrumentalness,
        liveness,
        valence,
        mode,
        duration_ms,
        time_signature,
        musical_key,
        tempo_bpm,
        source_name
    from ranked_tracks
    where reverse_arrival_number = 1

)

select * from latest
