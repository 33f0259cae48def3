-- One row per accepted listen that arrived after the batch layer was built. A
-- batch holds the first occurrences among all that landed up to it: that depends
-- on the files and the code alone, so it serves every published release.
{{ config(materialized='arrivals') }}
with

arrivals as (

    select * from {{ ref('int_listens_unioned') }}
    where rejection_reason is null and {{ newly_arrived() }}

),

numbered as (

    select
        {{ listen_columns() }},
        row_number() over (
            partition by listener_id, track_id, listened_at, ms_played
            order by batch_id asc, source_line asc
        ) as arrival_number
    from arrivals

),

seen as (

    select * from {{ ref('int_listen_keys') }}
    where
        listened_month in (
            {{ months_of_arrivals(ref('int_listens_unioned')) }}
        )
    {%- if kept_tail() %}
    union all
    select
        listener_id,
        track_id,
        ms_played,
        listened_at,
        batch_id,
        '' as listened_month
    from {{ kept_tail() }}
    where {{ in_kept_tail() }}
    {%- endif %}

),

first_arrivals as (

    select numbered.* except (arrival_number)
    from numbered
    left anti join seen
        on
            numbered.batch_id > seen.batch_id
            and {{ same_listen('numbered', 'seen') }}
    where numbered.arrival_number = 1

)

select * from first_arrivals
