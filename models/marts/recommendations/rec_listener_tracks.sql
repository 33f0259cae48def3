-- One row per listener and recommended recording, what they heard included, as
-- the last batch build blended them. What a listener has heard since is in
-- int_candidates_blended.
with

blended as (

    select * from {{ ref('int_candidates_blended') }}
    where mode = 'familiar'

),

recommended as (

    select
        listener_id,
        rank,
        track_id,
        score,
        sources,
        reason
    from blended

)

select * from recommended
