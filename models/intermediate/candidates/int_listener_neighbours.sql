-- One row per listener, track they have not heard, and one of their latest
-- tracks (the seed) that calls it up: its listeners also heard it.
with

listener_tracks as (

    select * from {{ ref('agg_listener_tracks') }}

),

neighbours as (

    select * from {{ ref('fct_track_neighbours') }}

),

latest as (

    select
        listener_id,
        track_id,
        row_number() over (
            partition by listener_id
            order by last_listened_at desc, track_id asc
        ) as recency_rank
    from listener_tracks

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
        on latest.track_id = neighbours.track_id
    where latest.recency_rank <= {{ var('seed_tracks_per_listener') }}

),

unheard as (

    select called_up.*
    from called_up
    left anti join listener_tracks
        on
            called_up.listener_id = listener_tracks.listener_id
            and called_up.track_id = listener_tracks.track_id

)

select * from unheard
