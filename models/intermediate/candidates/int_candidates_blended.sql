-- One row per listener, mode and recommended recording, over all layers, the
-- best first. The mode `familiar` has what they heard too, `discover` only what
-- they never did.
with

scored as (

    select * from {{ ref('int_candidates_scored') }}

),

{{ artist_capped('listener_id, mode') }},

recommended as (

    select
        listener_id,
        mode,
        rank,
        track_id,
        score,
        transform(parts, part -> part.source) as sources,
        array_join(
            array_distinct(transform(parts, part -> part.reason)), '; '
        ) as reason
    from ranked
    where rank <= {{ var('recommendations_per_listener') }}

)

select * from recommended
