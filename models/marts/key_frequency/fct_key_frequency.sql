-- One row per key that is present or one of the twelve pitch classes, with how
-- many tracks and listens it has. A null key holds the tracks without a key and
-- the listens of tracks without features.
with

pitch_classes as (

    select * from {{ ref('pitch_classes') }}

),

tracks as (

    select * from {{ ref('dim_tracks') }}

),

popularity as (

    select * from {{ ref('fct_track_popularity') }}

),

counted as (

    select
        tracks.musical_key,
        count_if(tracks.is_in_catalogue) as track_count,
        coalesce(sum(popularity.listen_count), 0) as listen_count
    from tracks
    -- Full: what was first heard since the last batch is no track yet.
    full outer join popularity
        on tracks.track_id = popularity.track_id
    group by tracks.musical_key

),

keys as (

    select
        coalesce(pitch_classes.musical_key, counted.musical_key) as musical_key,
        pitch_classes.pitch_class,
        coalesce(counted.track_count, 0) as track_count,
        coalesce(counted.listen_count, 0) as listen_count,
        coalesce(pitch_classes.musical_key, -1) >= 0 as is_pitch_class
    from pitch_classes
    full outer join counted
        on pitch_classes.musical_key <=> counted.musical_key
    -- The twelve are always there, the others where something has them.
    where pitch_classes.musical_key >= 0 or counted.track_count is not null

),

shared as (

    select
        musical_key,
        pitch_class,
        track_count,
        track_count / nullif(sum(track_count) over (), 0) as track_share,
        if(
            is_pitch_class,
            cast(row_number() over (
                partition by is_pitch_class
                order by track_count desc, musical_key asc
            ) as int),
            null
        ) as track_rank,
        listen_count,
        listen_count / nullif(sum(listen_count) over (), 0) as listen_share
    from keys

)

select * from shared
