-- One row per listener and track heard, with the time listened as far as it is
-- known: the time played where the file says it, else the track's duration.
-- Joined after the listens are merged, so that a new duration needs no recount.
with

listener_tracks as (

    select * from {{ ref('agg_listener_tracks') }}

),

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

measured as (

    select
        listener_tracks.listener_id,
        listener_tracks.track_id,
        listener_tracks.listen_count,
        if(
            tracks.duration_ms is not null,
            listener_tracks.listen_count,
            listener_tracks.ms_played_count
        ) as known_listen_count,
        listener_tracks.ms_played_sum
        + (listener_tracks.listen_count - listener_tracks.ms_played_count)
        * coalesce(tracks.duration_ms, 0) as known_listen_ms,
        listener_tracks.ms_played_count,
        listener_tracks.skip_count,
        listener_tracks.first_listened_at,
        listener_tracks.last_listened_at
    from listener_tracks
    left outer join tracks
        on listener_tracks.track_id = tracks.track_id

)

select * from measured
