-- One row per audio feature and value that occurs: the constants that turn a
-- feature into a coordinate. A value's coordinate is the normal quantile of
-- (mean rank - 1/2) / n, so that each coordinate is spread like a standard
-- normal whatever the feature's own distribution is.
with

features as (

    select * from {{ ref('int_track_features_unpivoted') }}

),

counted as (

    select
        feature,
        feature_value,
        count(*) as track_count
    from features
    group by feature, feature_value

),

ranked as (

    select
        feature,
        feature_value,
        track_count,
        sum(track_count) over (partition by feature) as feature_track_count,
        -- Ranks of equal values are shared: the mean of the places they take.
        sum(track_count) over (
            partition by feature
            order by feature_value asc
        ) - (track_count - 1) / 2 as mean_rank
    from counted

),

placed as (

    select
        *,
        (mean_rank - 0.5D) / feature_track_count as quantile
    from ranked

),

transformed as (

    select
        feature,
        feature_value,
        track_count,
        mean_rank,
        quantile,
        {{ standard_normal_quantile('quantile') }} as normal_score
    from placed

)

select * from transformed
