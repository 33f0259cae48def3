-- One row per probability whose quantile is further than a millionth from what
-- scipy.stats.norm.ppf says, in each of the formula's three branches.
with

expected as (

    select
        stack(
            11,
            0.00000000000001D, -7.650628092935D,
            0.0001D, -3.719016485456D,
            0.0013498980316300933D, -3.000000000000D,
            0.02D, -2.053748910632D,
            0.074D, -1.446632067159D,
            0.076D, -1.432502720826D,
            0.25D, -0.674489750196D,
            0.5D, 0.000000000000D,
            0.841344746068543D, 1.000000000000D,
            0.975D, 1.959963984540D,
            0.9999999D, 5.199337582291D
        ) as (probability, quantile)

),

computed as (

    select
        probability,
        quantile,
        {{ standard_normal_quantile('probability') }} as normal_score
    from expected

),

differing as (

    select * from computed
    where abs(normal_score - quantile) > 0.000001D

)

select * from differing
