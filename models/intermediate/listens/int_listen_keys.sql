-- One row per listen of the log, by the month it was heard in: what a speed run
-- looks up whether a listen has been there before.
{{ config(partition_by='listened_month') }}
with

listens as (

    select * from {{ ref('int_listens_log') }}

),

keys as (

    select
        listener_id,
        track_id,
        ms_played,
        listened_at,
        batch_id,
        {{ listened_month('listened_at') }} as listened_month
    from listens

),

laid_out as (

    select /*+ repartition(listened_month) */ * from keys

)

select * from laid_out
