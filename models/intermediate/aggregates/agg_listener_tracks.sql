-- One row per listener and track heard: the three layers merged.
with

batch as (

    select * from {{ ref('agg_listener_tracks_batch') }}

),

hourly as (

    select * except (batch_id) from {{ ref('agg_listener_tracks_hourly') }}
    where {{ in_hourly_layer() }}

),

minute as (

    select * except (batch_id) from {{ ref('agg_listener_tracks_minute') }}

),

layers as (

    select * from batch
    union all
    select * from hourly
    union all
    select * from minute

),

merged as (

    select
        listener_id,
        track_id,
        {{ merged_partials() }}
    from layers
    group by listener_id, track_id

)

select * from merged
