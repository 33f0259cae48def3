-- One row per landed track without a reason to reject it, numbered from the
-- last arrival of its id backwards: 1 is in force, the others are superseded.
with

tracks as (

    select * from {{ ref('stg_landing__tracks') }}
    where rejection_reason is null and batch_id <= {{ batch_watermark() }}

),

ranked as (

    select
        track_id,
        title,
        artist,
        genre,
        source_file,
        batch_id,
        source_line,
        danceability,
        energy,
        loudness,
        speechiness,
        acousticness,
        instrumentalness,
        liveness,
        valence,
        mode,
        duration_ms,
        time_signature,
        musical_key,
        tempo_bpm,
        'landing.track_features' as source_name,
        row_number() over (
            partition by track_id
            order by batch_id desc, source_line desc
        ) as reverse_arrival_number
    from tracks

)

select * from ranked
