-- One row per listener and track heard, over the log: batch layer.
{{ config(
    clustered_by='listener_id',
    sorted_by=['listener_id', 'track_id'],
    buckets=var('log_buckets'),
) }}
with

listens as (

    select * from {{ ref('int_listens_log') }}

),

counted as (

    select
        listener_id,
        track_id,
        {{ listen_partials() }}
    from listens
    group by listener_id, track_id

)

select * from counted
