-- One row per listener with an accepted listen.
with

measured as (

    select * from {{ ref('int_listeners_measured') }}

),

cut_points as (

    select * from {{ ref('int_listener_rfm_cut_points') }}

),

segments as (

    select * from {{ ref('rf_segments') }}

),

scored as (

    select
        measured.*,
        {{ recency_score('measured.age_s', 'cut_points.age_cut_points') }}
            as recency_score,
        {{ band_score('measured.frequency', 'cut_points.frequency_cut_points') }}
            as frequency_score,
        {{ band_score(
            'if(measured.has_monetary, measured.listen_ms, null)',
            'cut_points.monetary_cut_points',
        ) }} as monetary_score
    from measured
    cross join cut_points

),

segmented as (

    select
        scored.*,
        segments.rf_segment
    from scored
    left outer join segments
        on
            scored.recency_score = segments.recency_score
            and scored.frequency_score = segments.frequency_score

)

select * from segmented
