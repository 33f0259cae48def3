-- One row: how many of the pairs of recordings that listeners have heard both
-- of are left out of fct_track_pairs, which takes each listener's most recent.
with

listener_recordings as (

    select * from {{ ref('int_listener_recordings') }}
    where listen_count > 0

),

listeners as (

    select
        listener_id,
        count(*) as recording_count,
        least(
            count(*), {{ var('paired_tracks_per_listener') }}
        ) as paired_count
    from listener_recordings
    group by listener_id

),

summed as (

    select
        count(*) as listener_count,
        count_if(paired_count < recording_count) as cut_listener_count,
        coalesce(sum(recording_count * (recording_count - 1) div 2), 0)
            as pair_count,
        coalesce(sum(paired_count * (paired_count - 1) div 2), 0)
            as kept_pair_count
    from listeners

),

coverage as (

    select
        listener_count,
        cut_listener_count,
        pair_count,
        kept_pair_count,
        coalesce(1 - try_divide(kept_pair_count, pair_count), 0.0D)
            as cut_pair_share
    from summed

)

select * from coverage
