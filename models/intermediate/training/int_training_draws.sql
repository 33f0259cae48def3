-- One row per positive example and draw: a track that somebody had heard before
-- the moment, chosen by a hash of the example. Twice as many are drawn as
-- wanted, since some of them the listener knows.
with

positives as (

    select
        *,
        {{ utc_date('observed_at') }} as known_date
    from {{ ref('int_training_positives') }}

),

known_tracks as (

    select * from {{ ref('int_known_tracks') }}

),

tracks as (

    select * from {{ ref('int_tracks_numbered') }}

),

placed as (

    {{ point_in_time_join(
        spine='positives',
        features='known_tracks',
        keys=['known_date'],
        columns=['known_track_count'],
        spine_at='observed_at',
        features_at='known_from',
    ) }}

),

drawn as (

    select
        listener_id,
        track_id as positive_track_id,
        previous_track_id,
        listener_listen_count,
        listener_track_count,
        listener_idle_s,
        observed_at,
        known_track_count,
        explode(
            sequence(1, 2 * {{ var('negatives_per_positive') }})
        ) as draw_number
    from placed
    where known_track_count > 0

),

draws as (

    select
        drawn.* except (known_track_count),
        tracks.track_id
    from drawn
    inner join tracks
        on tracks.track_number = 1 + pmod(
            xxhash64(
                drawn.listener_id,
                drawn.positive_track_id,
                drawn.observed_at,
                drawn.draw_number
            ),
            drawn.known_track_count
        )

)

select * from draws
