-- A mode and a candidate source that have no weight, not even 0.
with

modes as (

    select explode(array('familiar', 'discover')) as mode

),

sources as (

    select * from {{ ref('candidate_sources') }}

),

weights as (

    select * from {{ ref('recommendation_weights') }}

),

missing as (

    select
        modes.mode,
        sources.source
    from modes
    cross join sources
    left anti join weights
        on
            modes.mode = weights.mode
            and sources.source = weights.source

)

select * from missing
