-- One row per track that was heard, numbered by its first listen: the tracks
-- heard before a moment are those up to a number.
with

listener_tracks as (

    select * from {{ ref('agg_listener_tracks_batch') }}

),

tracks as (

    select
        track_id,
        min(first_listened_at) as first_listened_at
    from listener_tracks
    group by track_id

),

numbered as (

    select
        track_id,
        row_number() over (
            order by first_listened_at asc, track_id asc
        ) as track_number,
        first_listened_at
    from tracks

)

select * from numbered
