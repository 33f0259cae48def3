-- One row per landed object of a ListenBrainz export: when a track began, its
-- names, and Spotify's id where a player has told it.
with

source as (

    select * from {{ source('landing', 'listenbrainz_listens') }}

),

typed as (

    select
        ---------- ids
        {{ cleaned_id('listener') }} as listener_id,
        coalesce(
            {{ spotify_track_id('spotify_url') }},
            {{ name_track_id(
                cleaned('recorded_artist'), cleaned('recording')
            ) }}
        ) as track_id,
        ---------- strings
        {{ cleaned('recorded_artist') }} as artist,
        {{ cleaned('recording') }} as title,
        source_file,
        raw_line,
        ---------- numerics
        batch_id,
        chunk,
        source_line,
        cast(null as bigint) as ms_played,
        ---------- timestamps
        {{ parsed_timestamp(cleaned('listened_at')) }} as listened_at,
        landed_at,
        ---------- as landed; undeclared columns end here
        struct(* except(extra)) as cells
    from source

),

checked as (

    select
        * except (cells),
        to_json(cells) as landed_row,
        {{ listen_rejection_reason(moment='listened_at', played=none) }}
            as rejection_reason
    from typed

)

select * from checked
