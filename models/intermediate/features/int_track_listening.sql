-- One row per track heard: its listens over all layers, merged. The decay looks
-- back from the track's own last day, so that nothing here changes while others
-- are heard.
with

track_days as (

    select * from {{ ref('agg_track_days') }}

),

listener_tracks as (

    select * from {{ ref('agg_listener_tracks') }}

),

aged as (

    select
        track_id,
        listen_count,
        date_diff(
            max(listened_date) over (partition by track_id), listened_date
        ) as age_days
    from track_days

),

decayed as (

    select
        track_id,
        -- In decimals: a sum of doubles depends on the order of its terms.
        cast(sum(
            listen_count * cast(
                power(
                    0.5D,
                    age_days / {{ var('popularity_half_life_days') }}
                ) as decimal(20, 12)
            )
        ) as double) as decayed_listen_count
    from aged
    group by track_id

),

counted as (

    select
        track_id,
        count(*) as listener_count,
        sum(listen_count) as listen_count,
        try_divide(sum(skip_count), sum(ms_played_count)) as skip_rate,
        min(first_listened_at) as first_listened_at,
        max(last_listened_at) as last_listened_at
    from listener_tracks
    group by track_id

),

heard as (

    select
        counted.*,
        decayed.decayed_listen_count
    from counted
    inner join decayed
        on counted.track_id = decayed.track_id

)

select * from heard
