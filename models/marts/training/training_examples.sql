-- One row per listener, track and moment: whether the listener chose the track
-- then, and what was known before. Rows lie in the order of a hash, so that a
-- window over the files mixes listeners, tracks and labels; row groups of 16 MB
-- are small enough to read in parts.
{{ config(options={'parquet.block.size': 16777216}) }}
with

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

track_histories as (

    select * from {{ ref('int_track_histories') }}

),

examples as (

    select * from {{ ref('int_training_positives') }}
    union all
    select * from {{ ref('int_training_negatives') }}

),

with_histories as (

    {{ point_in_time_join(
        spine='examples',
        features='track_histories',
        keys=['track_id'],
        columns=['track_listen_count', 'track_listener_count'],
        spine_at='observed_at',
        features_at='listened_at',
        strictly_before=true,
    ) }}

),

described as (

    select
        with_histories.listener_id,
        with_histories.track_id,
        with_histories.previous_track_id,
        with_histories.label,
        with_histories.listener_listen_count,
        with_histories.listener_track_count,
        with_histories.listener_idle_s,
        with_histories.pair_listen_count,
        with_histories.pair_idle_s,
        coalesce(with_histories.track_listen_count, 0) as track_listen_count,
        coalesce(with_histories.track_listener_count, 0)
            as track_listener_count,
        tracks.duration_ms,
        tracks.danceability,
        tracks.energy,
        tracks.acousticness,
        tracks.valence,
        tracks.tempo_bpm,
        with_histories.observed_at
    from with_histories
    left outer join tracks
        on with_histories.track_id = tracks.track_id

),

laid_out as (

    select /*+ repartition({{ var("training_files") }}, observed_at) */ *
    from described
    sort by xxhash64(listener_id, track_id, observed_at) asc

)

select * from laid_out
