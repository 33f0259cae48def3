-- One row per track with all features and each of its eight ranked ones.
with

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

complete as (

    select * from tracks
    where {{ has_every_feature() }}

),

unpivoted as (

    select
        track_id,
        stack(
            8,
            'danceability', danceability,
            'energy', energy,
            'loudness', loudness,
            'speechiness', speechiness,
            'acousticness', acousticness,
            'instrumentalness', instrumentalness,
            'liveness', liveness,
            'valence', valence
        ) as (feature, feature_value)
    from complete

)

select * from unpivoted
