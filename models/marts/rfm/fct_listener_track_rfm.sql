-- One row per listener and track heard.
with

entities as (

    select * from {{ ref('int_listener_tracks_measured') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

measures as (

    select
        entities.listener_id,
        entities.track_id,
        {{ rfm_measures() }}
    from entities
    cross join span

)

select * from measures
