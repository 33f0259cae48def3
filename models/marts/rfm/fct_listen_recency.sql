-- One row per accepted listen.
with

listens as (

    select * from {{ ref('int_listens_log') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

recencies as (

    select
        listens.listener_id,
        listens.track_id,
        listens.ms_played,
        unix_seconds(listens.listened_at)
        - unix_seconds(span.base_at) as recency_s,
        listens.listened_at,
        span.base_at
    from listens
    cross join span

)

select * from recencies
