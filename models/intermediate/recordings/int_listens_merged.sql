-- One row per accepted listen: the log and what arrived since.
with

tail as (

    select * from {{ ref('int_listens_tail') }}
    where {{ above_batch_layer() }}

),

listens as (

    select
        listener_id,
        track_id,
        ms_played,
        listened_at
    from {{ ref('int_listens_log') }}
    union all
    select
        listener_id,
        track_id,
        ms_played,
        listened_at
    from tail

)

select * from listens
