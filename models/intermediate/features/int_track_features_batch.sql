-- One row per track, with the features that the last batch build
-- gave. They stay while speed runs replace the mart: what the online store is
-- built from.
with

features as (

    select * from {{ ref('feat_tracks') }}

)

-- Every feature, whichever there are.
select * from features -- noqa: AM04
