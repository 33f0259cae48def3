-- One row per listener and UTC day with a listen, and arrival batch: the
-- minute layer, counted from the tail as it is.
with

listens as (

    select
        *,
        {{ utc_date('listened_at') }} as listened_date
    from {{ ref('int_listens_tail') }}
    where {{ in_minute_layer() }}

),

counted as (

    select
        listener_id,
        listened_date,
        batch_id,
        {{ listen_partials() }}
    from listens
    group by listener_id, listened_date, batch_id

)

select * from counted
