-- One row per track and UTC day with a listen, and arrival batch: the
-- hourly layer. Compacts what the minute layer left, and keeps the batch, so
-- that it stays valid when the watermark of the batch layer moves up.
with

listens as (

    select
        *,
        {{ utc_date('listened_at') }} as listened_date
    from {{ ref('int_listens_tail') }}
    where {{ above_batch_layer() }}

),

counted as (

    select
        track_id,
        listened_date,
        batch_id,
        {{ listen_partials() }}
    from listens
    group by track_id, listened_date, batch_id

)

select * from counted
