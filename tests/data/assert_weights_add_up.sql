-- A mode whose weights do not add up to 1, as a score is at most 1; or leave
-- the lists of SQL empty: `ease` is blended in by Python alone.
with

summed as (

    select
        mode,
        sum(weight) as weight,
        sum(if(source = 'ease', 0, weight)) as weight_in_sql
    from {{ ref('recommendation_weights') }}
    group by mode

),

wrong as (

    select * from summed
    where weight is distinct from 1 or weight_in_sql <= 0

)

select * from wrong
