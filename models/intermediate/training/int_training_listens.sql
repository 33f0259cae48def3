-- One row per listener, track and moment of a listen, with what was known of
-- the listener and of the pair before it. Moments are compared in microseconds,
-- so that nothing heard at the same moment is seen.
with

listens as (

    select * from {{ ref('int_listens_log') }}

),

-- The same play with a known and an unknown ms_played is one example.
moments as (

    select
        listener_id,
        track_id,
        listened_at as observed_at,
        unix_micros(listened_at) as moment,
        count(*) as listen_count
    from listens
    group by listener_id, track_id, listened_at

),

numbered as (

    select
        *,
        row_number() over (
            partition by listener_id, track_id
            order by moment asc
        ) as pair_number
    from moments

),

described as (

    select
        listener_id,
        track_id,
        coalesce(sum(listen_count) over earlier_of_listener, 0)
            as listener_listen_count,
        count_if(pair_number = 1) over earlier_of_listener
            as listener_track_count,
        unix_seconds(observed_at)
        - unix_seconds(max(observed_at) over earlier_of_listener)
            as listener_idle_s,
        coalesce(sum(listen_count) over earlier_of_pair, 0)
            as pair_listen_count,
        unix_seconds(observed_at)
        - unix_seconds(max(observed_at) over earlier_of_pair) as pair_idle_s,
        observed_at
    from numbered
    window
        earlier_of_listener as (
            partition by listener_id
            order by moment asc
            range between unbounded preceding and 1 preceding
        ),
        earlier_of_pair as (
            partition by listener_id, track_id
            order by moment asc
            range between unbounded preceding and 1 preceding
        )

)

select * from described
