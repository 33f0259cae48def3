-- One row per listener and recording they have not heard that listeners of
-- their latest ones have. Strength: the sum of the similarities.
with

listener_neighbours as (

    select * from {{ ref('int_listener_neighbours') }}

),

recordings as (

    select * from {{ ref('int_track_recordings') }}

),

sources as (

    select * from {{ ref('candidate_sources') }}

),

proposed as (

    select
        listener_id,
        track_id,
        'neighbours' as source,
        -- In decimals: a sum of doubles depends on the order of its terms.
        cast(sum(cast(similarity as decimal(12, 9))) as double) as amount,
        -- The most similar seed explains the candidate; ties by id.
        max_by(
            struct(seed_track_id, co_listener_count, similarity),
            struct(similarity, seed_track_id)
        ) as best
    from listener_neighbours
    group by listener_id, track_id

),

{{ ranked_candidates('listener_id') }},

neighbouring as (

    select
        candidates.listener_id,
        candidates.track_id,
        candidates.source,
        candidates.strength,
        candidates.rank_in_source,
        format_string(
            '%d listeners of “%s” also heard it (similarity %.3f)',
            candidates.best.co_listener_count,
            coalesce(recordings.title, candidates.best.seed_track_id),
            candidates.best.similarity
        ) as reason
    from candidates
    left outer join recordings
        on candidates.best.seed_track_id = recordings.track_id

)

select * from neighbouring
