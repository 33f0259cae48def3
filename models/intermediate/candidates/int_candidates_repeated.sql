-- One row per listener and track to play again: what they heard often and
-- lately. Strength = log2(1 + listens) * 2^(-age / half-life), the age counted
-- from their own last day: who has been away for years has favourites too.
with

listener_tracks as (

    select * from {{ ref('agg_listener_tracks') }}

),

span as (

    select * from {{ ref('int_listening_span') }}

),

weights as (

    select * from {{ ref('recommendation_weights') }}
    where source = 'repeats'

),

rated as (

    select
        listener_tracks.*,
        round(
            log2(1 + listener_tracks.listen_count) * power(
                0.5D,
                date_diff(
                    max({{ utc_date('listener_tracks.last_listened_at') }})
                        over (partition by listener_tracks.listener_id),
                    {{ utc_date('listener_tracks.last_listened_at') }}
                ) / {{ var('popularity_half_life_days') }}
            ),
            9
        ) as strength
    from listener_tracks
    cross join span
    where listener_tracks.last_listened_at <= span.as_of

),

ranked as (

    select
        *,
        row_number() over (
            partition by listener_id
            order by strength desc, track_id asc
        ) as strength_rank
    from rated

),

candidates as (

    select
        ranked.listener_id,
        ranked.track_id,
        'repeats' as source,
        ranked.strength,
        format_string(
            'played %s, last on %s',
            if(
                ranked.listen_count = 1,
                'once',
                concat(ranked.listen_count, ' times')
            ),
            cast({{ utc_date('ranked.last_listened_at') }} as string)
        ) as reason
    from ranked
    inner join weights
        on ranked.strength_rank <= weights.candidates

)

select * from candidates
