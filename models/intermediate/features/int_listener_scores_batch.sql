-- One row per listener, with the scores that the last batch build gave. Scores
-- compare listeners with each other: fresh ones, which change for everybody
-- with any listen, are in fct_listener_rfm.
with

listeners as (

    select * from {{ ref('fct_listener_rfm') }}

),

scores as (

    select
        listener_id,
        recency_score,
        frequency_score,
        monetary_score,
        rf_segment
    from listeners

)

select * from scores
