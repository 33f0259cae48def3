-- One row per listener and track, with the features that the last batch build
-- gave. They stay while speed runs replace the mart: what the online store is
-- built from.
with

features as (

    select * from {{ ref('feat_listener_tracks') }}

),

kept as (

    select
        listener_id,
        track_id,
        listen_count,
        listen_ms,
        listen_ms_coverage,
        active_s,
        first_listened_at,
        last_listened_at
    from features

)

select * from kept
