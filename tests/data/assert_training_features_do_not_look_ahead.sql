-- One row per example, of about a thousand, whose counts differ from a count of
-- the log before its moment. Listeners and tracks are counted apart.
with

numbered as (

    select
        *,
        count(*) over () as example_count
    from {{ ref('training_examples') }}

),

examples as (

    select * from numbered
    where
        pmod(
            xxhash64(listener_id, track_id, observed_at, label),
            greatest(1, example_count div 1000)
        ) = 0

),

listens as (

    select * from {{ ref('int_listens_log') }}

),

counted as (

    select
        examples.listener_id,
        examples.track_id,
        examples.observed_at,
        count(listens.listened_at) as listens_of_listener,
        count(distinct listens.track_id) as tracks_of_listener,
        count_if(listens.track_id = examples.track_id) as listens_of_pair
    from examples
    left outer join listens
        on
            examples.listener_id = listens.listener_id
            and examples.observed_at > listens.listened_at
    group by examples.listener_id, examples.track_id, examples.observed_at

),

counted_tracks as (

    select
        examples.listener_id,
        examples.track_id,
        examples.observed_at,
        count(listens.listened_at) as listens_of_track,
        count(distinct listens.listener_id) as listeners_of_track
    from examples
    left outer join listens
        on
            examples.track_id = listens.track_id
            and examples.observed_at > listens.listened_at
    group by examples.listener_id, examples.track_id, examples.observed_at

),

wrong as (

    select
        examples.listener_id,
        examples.track_id,
        examples.observed_at
    from examples
    inner join counted
        on
            examples.listener_id = counted.listener_id
            and examples.track_id = counted.track_id
            and examples.observed_at = counted.observed_at
    inner join counted_tracks
        on
            examples.listener_id = counted_tracks.listener_id
            and examples.track_id = counted_tracks.track_id
            and examples.observed_at = counted_tracks.observed_at
    where
        examples.listener_listen_count <> counted.listens_of_listener
        or examples.listener_track_count <> counted.tracks_of_listener
        or examples.pair_listen_count <> counted.listens_of_pair
        or examples.track_listen_count <> counted_tracks.listens_of_track
        or examples.track_listener_count
        <> counted_tracks.listeners_of_track

)

select * from wrong
