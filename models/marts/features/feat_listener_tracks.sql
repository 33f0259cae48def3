-- One row per listener and track heard: how often, how long and when, over all
-- layers. Every column depends on the listens of this pair alone.
with

listener_tracks as (

    select * from {{ ref('int_listener_tracks_measured') }}

),

features as (

    select
        listener_id,
        track_id,
        listen_count,
        if(known_listen_count > 0, known_listen_ms, null) as listen_ms,
        known_listen_count / listen_count as listen_ms_coverage,
        try_divide(skip_count, ms_played_count) as skip_rate,
        unix_seconds(last_listened_at)
        - unix_seconds(first_listened_at) as active_s,
        first_listened_at,
        last_listened_at
    from listener_tracks

)

select * from features
