-- One row per landed line of any listening history. A new source of listens is
-- one more branch here.
with

landing_listens as (

    select * from {{ ref('stg_landing__listens') }}

),

unioned as (

    select
        'landing.listening_history' as source_name,
        listener_id,
        track_id,
        artist,
        title,
        source_file,
        raw_line,
        landed_row,
        rejection_reason,
        batch_id,
        chunk,
        source_line,
        ms_played,
        listened_at,
        landed_at
    from landing_listens

)

select * from unioned
