-- One row per listener and UTC day with a listen: the three layers merged.
with

batch as (

    select * from {{ ref('agg_listener_days_batch') }}

),

hourly as (

    select * except (batch_id) from {{ ref('agg_listener_days_hourly') }}
    where {{ in_hourly_layer() }}

),

minute as (

    select * except (batch_id) from {{ ref('agg_listener_days_minute') }}

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
        listened_date,
        {{ merged_partials() }}
    from layers
    group by listener_id, listened_date

)

select * from merged
