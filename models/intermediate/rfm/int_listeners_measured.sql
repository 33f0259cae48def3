-- One row per listener: recency, frequency, time listened and the columns that
-- buy-till-you-die models take, before any score.
with

listener_tracks as (

    select * from {{ ref('int_listener_tracks_measured') }}

),

listener_days as (

    select * from {{ ref('agg_listener_days') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

entities as (

    select
        listener_id,
        {{ merged_measures() }}
    from listener_tracks
    group by listener_id

),

repeats as (

    select
        listener_days.listener_id,
        {{ btyd_measures() }}
    from listener_days
    cross join span
    group by listener_days.listener_id

),

measured as (

    select
        entities.listener_id,
        {{ rfm_measures() }},
        repeats.btyd_frequency,
        repeats.btyd_recency,
        repeats.btyd_t
    from entities
    inner join repeats
        on entities.listener_id = repeats.listener_id
    cross join span

)

select * from measured
