-- One row per listener and track they have not heard that listeners of their
-- latest tracks have. Strength = the sum of the similarities.
with

listener_neighbours as (

    select * from {{ ref('int_listener_neighbours') }}

),

tracks as (

    select * from {{ ref('dim_tracks') }}

),

weights as (

    select * from {{ ref('recommendation_weights') }}
    where source = 'neighbours'

),

gathered as (

    select
        listener_id,
        track_id,
        -- In decimals: a sum of doubles depends on the order of its terms.
        sum(cast(similarity as decimal(12, 9))) as strength,
        -- The most similar seed explains the candidate; ties by id.
        max_by(
            struct(seed_track_id, co_listener_count, similarity),
            struct(similarity, seed_track_id)
        ) as best
    from listener_neighbours
    group by listener_id, track_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by listener_id
            order by strength desc, track_id asc
        ) as strength_rank
    from gathered

),

candidates as (

    select
        ranked.listener_id,
        ranked.track_id,
        'neighbours' as source,
        cast(ranked.strength as double) as strength,
        format_string(
            '%d listeners of “%s” also heard it (similarity %.3f)',
            ranked.best.co_listener_count,
            coalesce(tracks.title, ranked.best.seed_track_id),
            ranked.best.similarity
        ) as reason
    from ranked
    inner join weights
        on ranked.strength_rank <= weights.candidates
    left outer join tracks
        on ranked.best.seed_track_id = tracks.track_id

)

select * from candidates
