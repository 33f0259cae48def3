-- One row per pair of recordings that at least one listener has among their
-- most recent distinct ones: the upper triangle of the Gram matrix. The lesser
-- id comes first; a recording's pair with itself (the diagonal) counts its
-- listeners.
with

listener_recordings as (

    select * from {{ ref('int_listener_recordings') }}
    where listen_count > 0

),

recent as (

    select
        listener_id,
        recording_id as track_id,
        row_number() over (
            partition by listener_id
            order by last_counted_at desc, recording_id asc
        ) as recency_rank
    from listener_recordings

),

paired_tracks as (

    select
        listener_id,
        array_sort(collect_list(track_id)) as track_ids
    from recent
    where recency_rank <= {{ var('paired_tracks_per_listener') }}
    group by listener_id

),

firsts as (

    select
        posexplode(track_ids) as (first_position, track_id),
        track_ids
    from paired_tracks

),

pairs as (

    select
        track_id,
        explode(slice(track_ids, first_position + 1, size(track_ids)))
            as paired_track_id
    from firsts

),

counted as (

    select
        track_id,
        paired_track_id,
        count(*) as co_listener_count
    from pairs
    group by track_id, paired_track_id

)

select * from counted
