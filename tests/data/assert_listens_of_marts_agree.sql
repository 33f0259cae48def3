-- One row per mart whose listens do not add up to those of the log. In `dev` it
-- warns: where speed runs are ahead of the last batch, what is built there from
-- the batch's parents counts up to another moment than what is published.
{{ config(severity='error' if target.name == 'prod' else 'warn') }}
with

marts as (

    select
        'fct_listener_rfm' as mart,
        sum(frequency) as listen_count
    from {{ ref('fct_listener_rfm') }}
    union all
    select
        'fct_track_rfm' as mart,
        sum(frequency) as listen_count
    from {{ ref('fct_track_rfm') }}
    union all
    select
        'fct_listener_track_rfm' as mart,
        sum(frequency) as listen_count
    from {{ ref('fct_listener_track_rfm') }}
    union all
    select
        'fct_key_frequency' as mart,
        sum(listen_count) as listen_count
    from {{ ref('fct_key_frequency') }}

),

listens as (

    select count(*) as listen_count
    from {{ ref('int_listens_log') }}

),

differences as (

    select
        marts.mart,
        marts.listen_count as mart_listen_count,
        listens.listen_count
    from marts
    cross join listens
    where coalesce(marts.listen_count, 0) <> listens.listen_count

)

select * from differences
