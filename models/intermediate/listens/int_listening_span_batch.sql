-- One row: the first and the last listen of the batch layer.
with

listener_days as (

    select * from {{ ref('agg_listener_days_batch') }}

),

span as (

    select
        min(first_listened_at) as base_at,
        max(last_listened_at) as newest_at
    from listener_days

)

select * from span
