-- The sum of the weights of the sources of recommendations, where it is not 1:
-- a score is at most 1.
with

summed as (

    select sum(weight) as weight
    from {{ ref('recommendation_weights') }}

),

wrong as (

    select * from summed
    where weight is distinct from 1

)

select * from wrong
