-- One row per track heard: recency, frequency, time listened and the columns
-- that buy-till-you-die models take, before any score.
with

listener_tracks as (

    select * from {{ ref('int_listener_tracks_measured') }}

),

track_days as (

    select * from {{ ref('int_track_days_measured') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

entities as (

    select
        track_id,
        {{ merged_measures() }}
    from listener_tracks
    group by track_id

),

repeats as (

    select
        track_days.track_id,
        {{ btyd_measures() }},
        sum(if(track_days.is_repeat_day, track_days.listen_ms, 0))
            as repeat_listen_ms,
        count_if(track_days.is_repeat_day and track_days.listen_ms is null)
            as unmeasured_day_count
    from track_days
    cross join span
    group by track_days.track_id

),

measured as (

    select
        entities.track_id,
        {{ rfm_measures() }},
        repeats.btyd_frequency,
        repeats.btyd_recency,
        repeats.btyd_t,
        case
            when repeats.btyd_frequency = 0 then 0.0D
            when repeats.unmeasured_day_count = 0
                then repeats.repeat_listen_ms / repeats.btyd_frequency
        end as btyd_monetary
    from entities
    inner join repeats
        on entities.track_id = repeats.track_id
    cross join span

)

select * from measured
