-- One row per listener, recording they have not heard, and one of their latest
-- ones (the seed) that calls it up: its listeners also heard it.
with

listener_recordings as (

    select * from {{ ref('int_listener_recordings') }}

),

neighbours as (

    select * from {{ ref('fct_track_neighbours') }}

),

latest as (

    select
        listener_id,
        recording_id,
        row_number() over (
            partition by listener_id
            order by last_counted_at desc, recording_id asc
        ) as recency_rank
    from listener_recordings
    where listen_count > 0

),

called_up as (

    select
        latest.listener_id,
        neighbours.neighbour_track_id as track_id,
        neighbours.track_id as seed_track_id,
        neighbours.co_listener_count,
        neighbours.similarity
    from latest
    inner join neighbours
        on latest.recording_id = neighbours.track_id
    where latest.recency_rank <= {{ var('seed_tracks_per_listener') }}

),

unheard as (

    select called_up.*
    from called_up
    left anti join listener_recordings
        on
            called_up.listener_id = listener_recordings.listener_id
            and called_up.track_id = listener_recordings.recording_id

)

select * from unheard
