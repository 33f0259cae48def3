-- One row per track with an accepted listen, as of the day of `as_of`.
with

track_days as (

    select * from {{ ref('agg_track_days') }}

),

listener_tracks as (

    select * from {{ ref('agg_listener_tracks') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

aged as (

    select
        track_days.track_id,
        track_days.listen_count,
        date_diff(
            {{ utc_date('span.as_of') }}, track_days.listened_date
        ) as age_days
    from track_days
    cross join span

),

counted as (

    select
        track_id,
        sum(listen_count) as listen_count,
        sum(if(age_days between 0 and 6, listen_count, 0)) as listens_7d,
        sum(if(age_days between 0 and 29, listen_count, 0)) as listens_30d,
        -- In decimals: a sum of doubles depends on the order of its terms.
        cast(sum(
            if(age_days >= 0, listen_count, 0) * cast(
                power(
                    0.5D,
                    age_days / {{ var('popularity_half_life_days') }}
                ) as decimal(20, 12)
            )
        ) as double) as decayed_30d
    from aged
    group by track_id

),

listeners as (

    select
        track_id,
        count(*) as listener_count
    from listener_tracks
    group by track_id

),

popularity as (

    select
        counted.*,
        listeners.listener_count
    from counted
    inner join listeners
        on counted.track_id = listeners.track_id

)

select * from popularity
