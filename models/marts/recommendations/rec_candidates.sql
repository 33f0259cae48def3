-- One row per listener, recording and source that proposes it, with no weight
-- applied: what a blend is fitted on, and evaluated.
with

gathered as (

    select * from {{ ref('int_candidates_gathered') }}

),

candidates as (

    select
        listener_id,
        track_id,
        source,
        strength,
        rank_in_source
    from gathered

)

select * from candidates
