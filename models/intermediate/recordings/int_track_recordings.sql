-- One row per track that the catalogue describes or that somebody heard, with
-- the recording it is of: the ids of one performance are one. A recording is
-- named by one of its tracks, so that it can be looked up like a track.
with

named as (

    select * from {{ ref('int_tracks_named') }}

),

measured as (

    select
        artist_key,
        title_key,
        {{ duration_anchors('duration_ms') }} as anchors
    from named
    where artist_key is not null and title_key is not null
    group by artist_key, title_key

),

placed as (

    select
        named.*,
        -- The last anchor that is not longer; without a length, the first.
        coalesce(
            array_max(filter(
                measured.anchors, anchor -> anchor <= named.duration_ms
            )),
            try_element_at(measured.anchors, 1)
        ) as anchor_ms,
        -- Without an artist or a title nothing is known to be the same.
        if(measured.anchors is null, named.track_id, null) as own_id
    from named
    left outer join measured
        on
            named.artist_key = measured.artist_key
            and named.title_key = measured.title_key

),

recordings as (

    select
        track_id,
        -- The track that stands for it: one of the catalogue, if any is.
        min(struct(not is_in_catalogue as is_unlisted, track_id)) over (
            partition by artist_key, title_key, anchor_ms, own_id
        ).track_id as recording_id,
        title,
        artist,
        artist_key,
        duration_ms
    from placed

)

select * from recordings
