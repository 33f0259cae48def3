-- One row per moment from which more tracks are known, and one per beginning of
-- a day with listens: how many tracks somebody had heard before. The day is
-- what the look-up of a moment is partitioned by.
with

tracks as (

    select * from {{ ref('int_tracks_numbered') }}

),

days as (

    select distinct listened_date
    from {{ ref('agg_listener_days_batch') }}

),

changes as (

    select
        -- A track is known from the next microsecond on.
        first_listened_at + interval '0.000001' second as known_from,
        count(*) as new_track_count
    from tracks
    group by first_listened_at
    union all
    select
        timestamp_seconds(unix_date(listened_date) * 86400L) as known_from,
        0 as new_track_count
    from days

),

merged as (

    select
        known_from,
        sum(new_track_count) as new_track_count
    from changes
    group by known_from

),

counted as (

    select
        sum(new_track_count) over (
            order by known_from asc
        ) as known_track_count,
        {{ utc_date('known_from') }} as known_date,
        known_from
    from merged

)

select * from counted
