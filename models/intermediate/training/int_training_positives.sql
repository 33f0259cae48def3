-- One row per listener, track and moment of a listen that is an example: what
-- was known before it, and the track that the listener heard just before in the
-- same session.
with

examples as (

    select * from {{ ref('int_training_listens') }}

),

listens as (

    select
        listener_id,
        track_id as previous_track_id,
        batch_id,
        listened_at
    from {{ ref('int_listens_log') }}

),

with_previous as (

    {{ point_in_time_join(
        spine='examples',
        features='listens',
        keys=['listener_id'],
        columns=['previous_track_id'],
        spine_at='observed_at',
        features_at='listened_at',
        ttl_s=var('session_gap_s'),
        ties=['batch_id'],
        strictly_before=true,
    ) }}

),

positives as (

    select
        listener_id,
        track_id,
        previous_track_id,
        1 as label,
        listener_listen_count,
        listener_track_count,
        listener_idle_s,
        pair_listen_count,
        pair_idle_s,
        observed_at
    from with_previous

)

select * from positives
