-- One row per listener, drawn track and moment: a track that the listener had
-- not heard by then, beside one that they chose.
with

draws as (

    select * from {{ ref('int_training_draws') }}

),

listener_tracks as (

    select * from {{ ref('agg_listener_tracks_batch') }}

),

unheard as (

    select draws.*
    from draws
    left anti join listener_tracks
        on
            draws.listener_id = listener_tracks.listener_id
            and draws.track_id = listener_tracks.track_id
            and draws.observed_at >= listener_tracks.first_listened_at

),

-- Drawn twice for a moment, a track is one example.
distinct_draws as (

    select *
    from unheard
    qualify
        row_number() over (
            partition by listener_id, track_id, observed_at
            order by draw_number asc, positive_track_id asc
        ) = 1

),

negatives as (

    select
        listener_id,
        track_id,
        previous_track_id,
        0 as label,
        listener_listen_count,
        listener_track_count,
        listener_idle_s,
        0L as pair_listen_count,
        cast(null as bigint) as pair_idle_s,
        observed_at
    from distinct_draws
    qualify
        row_number() over (
            partition by listener_id, positive_track_id, observed_at
            order by draw_number asc
        ) <= {{ var('negatives_per_positive') }}

)

select * from negatives
