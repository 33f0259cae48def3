-- One row per track of the popular list: what anybody is recommended of whom
-- nothing is known.
with

popularity as (

    select * from {{ ref('fct_track_popularity') }}

),

weights as (

    select * from {{ ref('recommendation_weights') }}
    where source = 'popular'

),

ranked as (

    select
        *,
        cast(row_number() over (
            order by round(decayed_30d, 9) desc, track_id asc
        ) as int) as popularity_rank
    from popularity

),

popular as (

    select
        ranked.popularity_rank as rank,
        ranked.track_id,
        -- 0 for all when `as_of` lies so late that everything has decayed.
        coalesce(
            round(
                try_divide(
                    ranked.decayed_30d, max(ranked.decayed_30d) over ()
                ),
                9
            ),
            0
        ) as score,
        array('popular') as sources,
        format_string(
            'listens in the last 30 days: %d; listeners in all: %d',
            ranked.listens_30d,
            ranked.listener_count
        ) as reason
    from ranked
    inner join weights
        on ranked.popularity_rank <= weights.candidates

)

select * from popular
