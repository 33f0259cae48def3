-- One row per track and UTC day with a listen, over the log: batch layer.
with

listens as (

    select
        *,
        {{ utc_date('listened_at') }} as listened_date
    from {{ ref('int_listens_log') }}

),

counted as (

    select
        track_id,
        listened_date,
        {{ listen_partials() }}
    from listens
    group by track_id, listened_date

)

select * from counted
