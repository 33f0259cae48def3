-- One row per listener, mode and recording that a source with a weight in the
-- mode proposes: the sum of what the sources contribute, over all layers.
-- `discover` has only what the listener never heard.
with

gathered as (

    select * from {{ ref('int_candidates_gathered') }}

),

weights as (

    select * from {{ ref('recommendation_weights') }}
    where weight > 0

),

listener_recordings as (

    select * from {{ ref('int_listener_recordings') }}

),

recordings as (

    select * from {{ ref('int_track_recordings') }}

),

blended as (

    select
        gathered.listener_id,
        weights.mode,
        gathered.track_id,
        cast(sum(
            cast(weights.weight * gathered.strength as decimal(12, 9))
        ) as double) as score,
        -- The strongest source first; ties by its name.
        array_sort(collect_list(struct(
            cast(
                -weights.weight * gathered.strength as decimal(12, 9)
            ) as place,
            gathered.source,
            gathered.reason
        ))) as parts
    from gathered
    inner join weights
        on gathered.source = weights.source
    group by gathered.listener_id, weights.mode, gathered.track_id

),

scored as (

    select
        blended.listener_id,
        blended.mode,
        blended.track_id,
        recordings.artist_key,
        blended.score,
        blended.parts
    from blended
    left outer join listener_recordings
        on
            blended.listener_id = listener_recordings.listener_id
            and blended.track_id = listener_recordings.recording_id
    left outer join recordings
        on blended.track_id = recordings.track_id
    where
        blended.mode = 'familiar' or listener_recordings.listener_id is null

)

select * from scored
