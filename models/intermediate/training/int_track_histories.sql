-- One row per track and moment at which it was heard: the listens and listeners
-- that it had up to and with that moment.
with

listens as (

    select
        listener_id,
        track_id,
        listened_at,
        row_number() over (
            partition by listener_id, track_id
            order by listened_at asc
        ) as pair_number
    from {{ ref('int_listens_log') }}

),

moments as (

    select
        track_id,
        listened_at,
        count(*) as listen_count,
        count_if(pair_number = 1) as new_listener_count
    from listens
    group by track_id, listened_at

),

histories as (

    select
        track_id,
        sum(listen_count) over up_to_moment as track_listen_count,
        sum(new_listener_count) over up_to_moment as track_listener_count,
        listened_at
    from moments
    window up_to_moment as (
        partition by track_id
        order by listened_at asc
    )

)

select * from histories
