-- One row per listener and recommended track, over all layers: the sum of what
-- the sources contribute, the best first.
with

weighed as (

    select * from {{ ref('int_candidates_weighed') }}

),

blended as (

    select
        listener_id,
        track_id,
        cast(sum(contribution) as double) as score,
        -- The strongest source first; ties by its name.
        array_sort(collect_list(
            struct(-contribution as place, source, reason)
        )) as parts
    from weighed
    group by listener_id, track_id

),

ranked as (

    select
        listener_id,
        cast(row_number() over (
            partition by listener_id
            order by score desc, track_id asc
        ) as int) as rank,
        track_id,
        score,
        transform(parts, part -> part.source) as sources,
        array_join(transform(parts, part -> part.reason), '; ') as reason
    from blended

),

recommended as (

    select * from ranked
    where rank <= {{ var('recommendations_per_listener') }}

)

select * from recommended
