-- One row per track that the catalogue describes or that somebody heard, with
-- its name as it is shown and as it is compared.
with

tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

heard_tracks as (

    select * from {{ ref('int_tracks_heard') }}

),

phrases as (

    select array_join(array_sort(collect_list(pattern)), '|') as patterns
    from {{ ref('same_recording_phrases') }}

),

known as (

    select
        coalesce(tracks.track_id, heard_tracks.track_id) as track_id,
        coalesce(tracks.title, heard_tracks.title) as title,
        coalesce(tracks.artist, heard_tracks.artist) as artist,
        tracks.duration_ms,
        tracks.track_id is not null as is_in_catalogue
    from tracks
    full outer join heard_tracks
        on tracks.track_id = heard_tracks.track_id

),

named as (

    select
        known.*,
        {{ name_key('known.artist') }} as artist_key,
        {{ name_key(version_title('known.title', 'phrases.patterns')) }}
            as title_key
    from known
    cross join phrases

)

select * from named
