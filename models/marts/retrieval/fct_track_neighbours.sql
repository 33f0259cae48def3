-- One row per track and each of its nearest neighbours by common listeners.
with

pairs as (

    select * from {{ ref('fct_track_pairs') }}

),

listeners as (

    select * from pairs
    where track_id = paired_track_id

),

paired as (

    select * from listeners

),

compared as (

    select
        pairs.track_id,
        pairs.paired_track_id,
        pairs.co_listener_count,
        -- Rounded before it is ranked: ties stay ties.
        round(
            pairs.co_listener_count / (
                sqrt(listeners.co_listener_count * paired.co_listener_count)
                + {{ var('neighbour_shrinkage') }}
            ),
            9
        ) as similarity
    from pairs
    inner join listeners
        on pairs.track_id = listeners.track_id
    inner join paired
        on pairs.paired_track_id = paired.track_id
    where pairs.track_id <> pairs.paired_track_id

),

both_ways as (

    select
        stack(2, track_id, paired_track_id, paired_track_id, track_id)
            as (track_id, neighbour_track_id),
        co_listener_count,
        similarity
    from compared

),

ranked as (

    select
        track_id,
        neighbour_track_id,
        cast(row_number() over (
            partition by track_id
            order by similarity desc, neighbour_track_id asc
        ) as int) as neighbour_rank,
        co_listener_count,
        similarity
    from both_ways

),

nearest as (

    select * from ranked
    where neighbour_rank <= {{ var('neighbours_per_track') }}

)

select * from nearest
