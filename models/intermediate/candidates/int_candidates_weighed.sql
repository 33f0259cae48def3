-- One row per listener, candidate track and source that proposes it, with what
-- the source contributes to the score: its weight, times the strength relative
-- to the source's best candidate for the listener.
with

repeated as (

    select * from {{ ref('int_candidates_repeated') }}

),

neighbouring as (

    select * from {{ ref('int_candidates_neighbouring') }}

),

popular as (

    select * from {{ ref('int_candidates_popular') }}

),

weights as (

    select * from {{ ref('recommendation_weights') }}

),

candidates as (

    select * from repeated
    union all
    select * from neighbouring
    union all
    select * from popular

),

weighed as (

    select
        candidates.listener_id,
        candidates.track_id,
        candidates.source,
        candidates.reason,
        cast(
            -- Nothing is strong where even the best has no strength.
            weights.weight * coalesce(
                try_divide(
                    candidates.strength,
                    max(candidates.strength) over (
                        partition by candidates.listener_id, candidates.source
                    )
                ),
                0
            ) as decimal(12, 9)
        ) as contribution
    from candidates
    inner join weights
        on candidates.source = weights.source

)

select * from weighed
