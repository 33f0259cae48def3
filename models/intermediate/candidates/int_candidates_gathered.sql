-- One row per listener, candidate and source that proposes it. Everybody has
-- the whole popular lists.
with

repeated as (

    select {{ candidate_columns() }}
    from {{ ref('int_candidates_repeated') }}

),

neighbouring as (

    select {{ candidate_columns() }}
    from {{ ref('int_candidates_neighbouring') }}

),

popular as (

    select * from {{ ref('int_popular_recordings') }}

),

listens as (

    select * from {{ ref('int_listens_merged') }}

),

listeners as (

    select distinct listener_id from listens

),

gathered as (

    select * from repeated
    union all
    select * from neighbouring
    union all
    select
        listeners.listener_id,
        popular.track_id,
        popular.source,
        popular.strength,
        popular.rank_in_source,
        popular.reason
    from listeners
    cross join popular

)

select * from gathered
