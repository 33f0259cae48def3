-- One row per track with an accepted listen, with the name that its last
-- arrival gave it: all that is known of a track no catalogue describes.
with

listens as (

    select * from {{ ref('int_listens_unioned') }}
    where rejection_reason is null and batch_id <= {{ batch_watermark() }}

),

heard as (

    select
        track_id,
        max_by(title, struct(title is not null, batch_id, source_line))
            as title,
        max_by(artist, struct(artist is not null, batch_id, source_line))
            as artist
    from listens
    group by track_id

)

select * from heard
