-- One row per listener, with the features that the last batch build
-- gave. They stay while speed runs replace the mart: what the online store is
-- built from.
with

features as (

    select * from {{ ref('feat_listeners') }}

),

kept as (

    select
        listener_id,
        listen_count,
        track_count,
        active_day_count,
        repeat_share,
        listen_ms,
        listen_ms_coverage,
        mean_tempo_bpm,
        mean_energy,
        mean_valence,
        major_share,
        recency_score,
        frequency_score,
        monetary_score,
        rf_segment,
        first_listened_at,
        last_listened_at
    from features

)

select * from kept
