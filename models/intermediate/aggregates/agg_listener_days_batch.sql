-- One row per listener and UTC day with a listen, over the log: batch layer.
{{ config(
    clustered_by='listener_id',
    sorted_by=['listener_id', 'listened_date'],
    buckets=var('log_buckets'),
) }}
with

listens as (

    select
        *,
        {{ utc_date('listened_at') }} as listened_date
    from {{ ref('int_listens_log') }}

),

counted as (

    select
        listener_id,
        listened_date,
        {{ listen_partials() }}
    from listens
    group by listener_id, listened_date

)

select * from counted
