-- One row per pair of recency and frequency scores, 1 to the number of bands
-- and 1, that has no segment or more than one.
with

scores as (

    select explode(sequence(1, count(*) + 1)) as score
    from {{ ref('rfm_bands') }}

),

frequency_scores as (

    select score as frequency_score from scores

),

segments as (

    select * from {{ ref('rf_segments') }}

),

counted as (

    select
        scores.score as recency_score,
        frequency_scores.frequency_score,
        count(segments.rf_segment) as segment_count
    from scores
    cross join frequency_scores
    left outer join segments
        on
            scores.score = segments.recency_score
            and frequency_scores.frequency_score = segments.frequency_score
    group by scores.score, frequency_scores.frequency_score

),

wrong as (

    select * from counted
    where segment_count <> 1

)

select * from wrong
