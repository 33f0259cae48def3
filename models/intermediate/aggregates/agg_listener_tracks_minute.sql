-- One row per listener and track heard, and arrival batch: the
-- minute layer, counted from the tail as it is.
with

listens as (

    select * from {{ ref('int_listens_tail') }}
    where {{ in_minute_layer() }}

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
