-- One row per landed line of a listening history: typed, and with the first
-- reason to reject it, if there is one.
with

source as (

    select * from {{ source('landing', 'listening_history') }}

),

typed as (

    select
        ---------- ids
        {{ cleaned_id('listener') }} as listener_id,
        coalesce(
            {{ cleaned_id('id') }},
            {{ name_track_id(cleaned('artist'), cleaned('title')) }}
        ) as track_id,
        ---------- strings
        {{ cleaned('artist') }} as artist,
        {{ cleaned('title') }} as title,
        source_file,
        raw_line,
        ---------- numerics
        batch_id,
        chunk,
        source_line,
        {{ whole_number_between('ms_played', 0, var('longest_ms')) }}
            as ms_played,
        ---------- timestamps
        {{ parsed_timestamp(cleaned('`timestamp`')) }} as listened_at,
        landed_at,
        ---------- as landed; undeclared columns end here
        struct(* except(extra)) as cells
    from source

),

checked as (

    select
        * except (cells),
        to_json(cells) as landed_row,
        {{ listen_rejection_reason() }} as rejection_reason
    from typed

)

select * from checked
