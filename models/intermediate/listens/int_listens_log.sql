-- One row per accepted listen up to the watermark of the batch layer: the log
-- that everything is counted from. What is published is kept, and what landed
-- since is added; after an edit, or with --full-refresh, all is read again.
{{ config(
    clustered_by='listener_id',
    sorted_by=['listener_id', 'track_id', 'listened_at'],
    buckets=var('log_buckets'),
) }}
with

arrivals as (

    select * from {{ ref('int_listens_unioned') }}
    where
        rejection_reason is null
        and batch_id > {{ kept_log_upto() }}
        and batch_id <= {{ batch_watermark() }}

),

nothing as (

    select {{ listen_columns() }}
    from arrivals
    where false

),

kept as (

    select * from {{ kept_log() }}

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
    left anti join kept
        on {{ same_listen('first_arrivals', 'kept') }}

),

listens as (

    select * from kept
    union all
    select * from fresh

),

laid_out as (

    select /*+ repartition({{ var('log_buckets') }}, listener_id) */ *
    from listens

)

select * from laid_out
