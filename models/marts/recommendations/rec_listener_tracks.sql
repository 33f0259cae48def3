-- One row per listener and recommended track, as the last batch build blended
-- them. What a listener has heard since is in int_candidates_blended.
with

blended as (

    select * from {{ ref('int_candidates_blended') }}

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
