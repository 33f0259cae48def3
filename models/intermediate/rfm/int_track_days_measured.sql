-- One row per track and UTC day with a listen, with the time listened that day;
-- null where it is not known for every listen of the day.
with

track_days as (

    select * from {{ ref('agg_track_days') }}

),

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

measured as (

    select
        track_days.track_id,
        track_days.listened_date,
        track_days.ms_played_sum
        + case
            when track_days.listen_count = track_days.ms_played_count then 0
            else
                (track_days.listen_count - track_days.ms_played_count)
                * tracks.duration_ms
        end as listen_ms,
        track_days.listened_date > min(track_days.listened_date) over (
            partition by track_days.track_id
        ) as is_repeat_day
    from track_days
    left outer join tracks
        on track_days.track_id = tracks.track_id

)

select * from measured
