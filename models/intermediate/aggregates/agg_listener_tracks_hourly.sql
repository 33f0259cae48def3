-- One row per listener and track heard, and arrival batch: the
-- hourly layer. Compacts what the minute layer left, and keeps the batch, so
-- that it stays valid when the watermark of the batch layer moves up.
with

listens as (

    select * from {{ ref('int_listens_tail') }}
    where {{ above_batch_layer() }}

),

counted as (

    select
        listener_id,
        track_id,
        batch_id,
        {{ listen_partials() }}
    from listens
    group by listener_id, track_id, batch_id

)

select * from counted
