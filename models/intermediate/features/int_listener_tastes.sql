-- One row per listener: their listens merged, and what the tracks they hear
-- sound like, each track as often as they heard it. Means are of decimals: a
-- sum of doubles depends on the order of its terms.
with

listener_tracks as (

    select * from {{ ref('int_listener_tracks_measured') }}

),

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

described as (

    select
        listener_tracks.*,
        tracks.mode,
        try_cast(tracks.tempo_bpm as decimal(15, 9)) as tempo_bpm,
        try_cast(tracks.energy as decimal(15, 9)) as energy,
        try_cast(tracks.valence as decimal(15, 9)) as valence
    from listener_tracks
    left outer join tracks
        on listener_tracks.track_id = tracks.track_id

),

tastes as (

    select
        listener_id,
        count(*) as track_count,
        {{ merged_measures() }},
        {{ mean_per_listen('tempo_bpm') }} as mean_tempo_bpm,
        {{ mean_per_listen('energy') }} as mean_energy,
        {{ mean_per_listen('valence') }} as mean_valence,
        {{ mean_per_listen('mode') }} as major_share
    from described
    group by listener_id

)

select * from tastes
