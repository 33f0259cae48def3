-- One row: the moments that recencies and ages are measured from, over all
-- layers. All null when nothing has been accepted.
with

batch as (

    select * from {{ ref('int_listening_span_batch') }}

),

hourly as (

    select * from {{ ref('agg_listener_days_hourly') }}
    where {{ in_hourly_layer() }}

),

minute as (

    select * from {{ ref('agg_listener_days_minute') }}

),

layers as (

    select
        base_at,
        newest_at
    from batch
    union all
    select
        first_listened_at,
        last_listened_at
    from hourly
    union all
    select
        first_listened_at,
        last_listened_at
    from minute

),

span as (

    select
        min(base_at) as base_at,
        max(newest_at) as newest_at,
        coalesce(
            try_cast(nullif('{{ as_of() }}', '') as timestamp),
            max(newest_at)
        ) as as_of
    from layers

)

select * from span
