-- One row per track with an accepted listen.
with

measured as (

    select * from {{ ref('int_tracks_measured') }}

),

cut_points as (

    select * from {{ ref('int_track_rfm_cut_points') }}

),

segments as (

    select * from {{ ref('rf_segments') }}

),

scored as (

    select
        measured.*,
        {{ recency_score('measured.age_s', 'cut_points.age_cut_points') }}
            as recency_score,
        {{ band_score(
            'measured.frequency',
            'cut_points.frequency_cut_points',
        ) }} as frequency_score,
        {{ band_score(
            'if(measured.has_monetary, measured.listen_ms, null)',
            'cut_points.monetary_cut_points',
        ) }} as monetary_score
    from measured
    cross join cut_points

),

segmented as (

    select
        scored.track_id,
        scored.frequency,
        scored.first_recency_s,
        scored.last_recency_s,
        scored.span_s,
        scored.age_s,
        scored.listen_ms,
        scored.listen_ms_coverage,
        scored.has_monetary,
        scored.btyd_frequency,
        scored.btyd_recency,
        scored.btyd_t,
        scored.btyd_monetary,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        segments.rf_segment
    from scored
    left outer join segments
        on
            scored.recency_score = segments.recency_score
            and scored.frequency_score = segments.frequency_score

)

select * from segmented
