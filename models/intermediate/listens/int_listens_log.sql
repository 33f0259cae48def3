-- One row per accepted listen up to the watermark of the batch layer: the log
-- that everything is counted from. What is published already is kept, and what
-- landed since is added; after an edit, or with --full-refresh, all is read again.
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

numbered as (

    select
        {{ listen_columns() }},
        row_number() over (
            partition by listener_id, track_id, listened_at, ms_played
            order by batch_id asc, source_line asc
        ) as arrival_number
    from arrivals

),

first_arrivals as (

    select numbered.* except (arrival_number)
    from numbered
    {%- if kept_log() %}
    left anti join {{ kept_log() }} as seen
        on {{ same_listen('numbered', 'seen') }}
    {%- endif %}
    where numbered.arrival_number = 1

),

listens as (

    select * from first_arrivals
    {%- if kept_log() %}
    union all
    select * from {{ kept_log() }}
    {%- endif %}

),

laid_out as (

    select /*+ repartition({{ var('log_buckets') }}, listener_id) */ *
    from listens

)

select * from laid_out
