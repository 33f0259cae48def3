-- One row per key and mode with a track in the catalogue.
with

tracks as (

    select * from {{ ref('dim_tracks') }}
    where is_in_catalogue

),

pitch_classes as (

    select * from {{ ref('pitch_classes') }}

),

camelot_codes as (

    select * from {{ ref('camelot_codes') }}

),

counted as (

    select
        musical_key,
        mode,
        count(*) as track_count
    from tracks
    group by musical_key, mode

),

named as (

    select
        counted.musical_key,
        pitch_classes.pitch_class,
        counted.mode,
        camelot_codes.camelot_code,
        counted.track_count,
        counted.track_count / sum(counted.track_count) over () as track_share
    from counted
    left outer join pitch_classes
        on counted.musical_key = pitch_classes.musical_key
    left outer join camelot_codes
        on
            counted.musical_key = camelot_codes.musical_key
            and counted.mode = camelot_codes.mode

)

select * from named
