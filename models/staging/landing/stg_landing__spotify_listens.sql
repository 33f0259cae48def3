-- One row per landed object of Spotify's extended streaming history. Spotify
-- says when a stream stopped: it began as long before as it was played.
with

source as (

    select * from {{ source('landing', 'spotify_history') }}

),

typed as (

    select
        ---------- ids
        {{ cleaned_id('listener') }} as listener_id,
        coalesce(
            {{ spotify_track_id('track_uri') }},
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
            ('private_session', "lower(cells['incognito_mode']) = 'true'"),
            ('not_music', "coalesce(track_id, cells['track_uri']) is null and "
                ~ "coalesce(cells['episode_uri'], cells['audiobook_uri']) "
                ~ "is not null"),
        ]) }} as rejection_reason
    from begun

)

select * from checked
