-- One row per track with all audio features: the vector by which tracks are
-- compared. Key, mode and popularity are filters and ranking features, not
-- coordinates.
with

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

features as (

    select * from {{ ref('int_track_features_unpivoted') }}

),

constants as (

    select * from {{ ref('feat_vector_constants') }}

),

coordinates as (

    select
        features.track_id,
        -- In the order of the features' names.
        transform(
            array_sort(collect_list(
                struct(features.feature, constants.normal_score)
            )),
            coordinate -> cast(coordinate.normal_score as float)
        ) as normal_scores
    from features
    inner join constants
        on
            features.feature = constants.feature
            and features.feature_value = constants.feature_value
    group by features.track_id

),

placed as (

    select
        tracks.track_id,
        -- Tempo on a circle: half and double time are the same place.
        concat(
            coordinates.normal_scores,
            array(
                cast(cos(2 * pi() * log2(tracks.tempo_bpm)) as float),
                cast(sin(2 * pi() * log2(tracks.tempo_bpm)) as float)
            )
        ) as vector
    from tracks
    inner join coordinates
        on tracks.track_id = coordinates.track_id

)

select * from placed
