-- One row per listener with an accepted listen: how much, how varied and what
-- kind of music, over all layers, with the RFM scores that the last batch gave.
-- No column depends on what others heard since then.
with

tastes as (

    select * from {{ ref('int_listener_tastes') }}

),

listener_days as (

    select * from {{ ref('agg_listener_days') }}

),

scores as (

    select * from {{ ref('int_listener_scores_batch') }}

),

days as (

    select
        listener_id,
        count(*) as active_day_count
    from listener_days
    group by listener_id

),

features as (

    select
        tastes.listener_id,
        tastes.listen_count,
        tastes.track_count,
        days.active_day_count,
        1 - tastes.track_count / tastes.listen_count as repeat_share,
        if(
            tastes.known_listen_count > 0, tastes.known_listen_ms, null
        ) as listen_ms,
        tastes.known_listen_count / tastes.listen_count as listen_ms_coverage,
        tastes.mean_tempo_bpm,
        tastes.mean_energy,
        tastes.mean_valence,
        tastes.major_share,
        scores.recency_score,
        scores.frequency_score,
        scores.monetary_score,
        scores.rf_segment,
        tastes.first_listened_at,
        tastes.last_listened_at
    from tastes
    inner join days
        on tastes.listener_id = days.listener_id
    left outer join scores
        on tastes.listener_id = scores.listener_id

)

select * from features
