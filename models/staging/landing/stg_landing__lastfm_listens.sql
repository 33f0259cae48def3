-- One row per landed line of a Last.fm export: when a scrobbled track began,
-- and its names.
with

source as (

    select * from {{ source('landing', 'lastfm_scrobbles') }}

),

typed as (

    select
        ---------- ids
        {{ cleaned_id('listener') }} as listener_id,
        {{ name_track_id(cleaned('artist'), cleaned('track')) }} as track_id,
        ---------- strings
        {{ cleaned('artist') }} as artist,
        {{ cleaned('track') }} as title,
        source_file,
        raw_line,
        ---------- numerics
        batch_id,
        chunk,
        source_line,
        cast(null as bigint) as ms_played,
        ---------- timestamps
        {{ parsed_timestamp(cleaned('uts')) }} as listened_at,
        landed_at,
        ---------- as landed; undeclared columns end here
        struct(* except(extra)) as cells
    from source

),

checked as (

    select
        * except (cells),
        to_json(cells) as landed_row,
        {{ listen_rejection_reason(moment='uts', played=none) }}
            as rejection_reason
    from typed

)

select * from checked
