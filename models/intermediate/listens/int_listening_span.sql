-- One row: the moments that recencies and ages are measured from. All null when
-- nothing has been accepted.
with

listener_days as (

    select * from {{ ref('agg_listener_days') }}

),

span as (

    select
        min(first_listened_at) as base_at,
        max(last_listened_at) as newest_at,
        coalesce(
            try_cast(nullif('{{ var("as_of") }}', '') as timestamp),
            max(last_listened_at)
        ) as as_of
    from listener_days

)

select * from span
