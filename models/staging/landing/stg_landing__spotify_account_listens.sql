-- One row per landed object of the streaming history in Spotify's account data:
-- names without ids, and the minute in which a play ended.
with

source as (

    select * from {{ source('landing', 'spotify_account_history') }}

),

typed as (

    select
        ---------- ids
        {{ cleaned_id('listener') }} as listener_id,
        {{ name_track_id(cleaned('artist'), cleaned('title')) }} as track_id,
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
        {{ parsed_timestamp(cleaned('ended_at')) }} as ended_at,
        landed_at,
        ---------- as landed; undeclared columns end here
        struct(* except(extra)) as cells
    from source

),

begun as (

    select
        * except (ended_at),
        {{ begun_at('ended_at', 'ms_played') }} as listened_at
    from typed

),

checked as (

    select
        * except (cells),
        to_json(cells) as landed_row,
        {{ listen_rejection_reason(moment='ended_at', own=[
            ('not_music', "cells['episode'] is not null"),
        ]) }} as rejection_reason
    from begun

)

select * from checked
