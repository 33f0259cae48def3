-- One row per accepted listen above the batch layer. A batch holds the first
-- occurrences among all that landed up to it, and so serves every release.
{{ config(materialized='arrivals') }}
with

arrivals as (

    select * from {{ ref('int_listens_unioned') }}
    where rejection_reason is null and {{ newly_arrived() }}

),

nothing as (

    select {{ listen_columns() }}
    from arrivals
    where false

),

kept as (

    select * from {{ kept_tail() }}
    where {{ in_kept_tail() }}

),

listen_keys as (

    select * from {{ ref('int_listen_keys') }}
    where listened_month in ({{
        months_of_arrivals(ref('int_listens_unioned'))
    }})

),

seen as (

    select
        listener_id,
        track_id,
        ms_played,
        listened_at,
        batch_id
    from listen_keys
    union all
    select
        listener_id,
        track_id,
        ms_played,
        listened_at,
        batch_id
    from kept

),

first_arrivals as (

    select {{ listen_columns() }}
    from arrivals
    qualify
        row_number() over (
            partition by listener_id, track_id, listened_at, ms_played
            order by batch_id asc, source_line asc
        ) = 1

),

fresh as (

    select first_arrivals.*
    from first_arrivals
    left anti join seen
        on
            first_arrivals.batch_id > seen.batch_id
            and {{ same_listen('first_arrivals', 'seen') }}

)

select * from fresh
