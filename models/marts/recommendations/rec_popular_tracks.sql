-- One row per recording of the popular list: what anybody is recommended of
-- whom nothing is known.
with

popular as (

    select * from {{ ref('int_popular_recordings') }}

),

recordings as (

    select * from {{ ref('int_track_recordings') }}

),

weights as (

    select
        source,
        -- Where no mode has a use for what is popular, all lists are alike.
        if(sum(sum(weight)) over () > 0, sum(weight), 1) as weight
    from {{ ref('recommendation_weights') }}
    where source like 'popular%'
    group by source

),

blended as (

    select
        popular.track_id,
        cast(sum(
            cast(weights.weight * popular.strength as decimal(12, 9))
        ) as double) as amount,
        array_sort(collect_set(popular.source)) as sources,
        any_value(popular.reason) as reason
    from popular
    inner join weights
        on popular.source = weights.source
    where weights.weight > 0
    group by popular.track_id

),

scored as (

    select
        blended.*,
        recordings.artist_key,
        -- 0 for all when `as_of` lies so late that everything has decayed.
        round(coalesce(
            try_divide(blended.amount, max(blended.amount) over ()), 0
        ), 9) as score
    from blended
    inner join recordings
        on blended.track_id = recordings.track_id

),

{{ artist_capped('true') }},

listed as (

    select
        rank,
        track_id,
        score,
        sources,
        reason
    from ranked

)

select * from listed
