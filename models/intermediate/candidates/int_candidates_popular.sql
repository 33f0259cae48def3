-- One row per listener and track of the popular list, so that everybody has
-- enough candidates.
with

listener_days as (

    select * from {{ ref('agg_listener_days') }}

),

popular_tracks as (

    select * from {{ ref('rec_popular_tracks') }}

),

listeners as (

    select distinct listener_id from listener_days

),

candidates as (

    select
        listeners.listener_id,
        popular_tracks.track_id,
        'popular' as source,
        popular_tracks.score as strength,
        popular_tracks.reason
    from listeners
    cross join popular_tracks

)

select * from candidates
