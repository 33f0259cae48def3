-- One row per landed line of a track file: typed, and with the first reason to
-- reject it, if there is one.
with

source as (

    select * from {{ source('landing', 'track_features') }}

),

typed as (

    select
        ---------- ids
        {{ cleaned_id('id') }} as track_id,
        ---------- strings
        {{ cleaned('title') }} as title,
        {{ cleaned('artist') }} as artist,
        {{ cleaned('genre') }} as genre,
        source_file,
        raw_line,
        ---------- numerics
        batch_id,
        source_line,
        {{ number_between('danceability', 0, 1) }} as danceability,
        {{ number_between('energy', 0, 1) }} as energy,
        {{ number_between('loudness') }} as loudness,
        {{ number_between('speechiness', 0, 1) }} as speechiness,
        {{ number_between('acousticness', 0, 1) }} as acousticness,
        {{ number_between('instrumentalness', 0, 1) }} as instrumentalness,
        {{ number_between('liveness', 0, 1) }} as liveness,
        {{ number_between('valence', 0, 1) }} as valence,
        {{ number_between('tempo', 0) }} as tempo,
        cast({{ whole_number_between('key', -1, 11) }} as int) as key,
        cast({{ whole_number_between('mode', 0, 1) }} as int) as mode,
        {{ whole_number_between('duration_ms', 1, var('longest_ms')) }}
            as duration_ms,
        cast({{ whole_number_between('time_signature', 0, 99) }} as int)
            as time_signature,
        ---------- timestamps
        landed_at,
        ---------- as landed; undeclared columns end here
        struct(* except(extra)) as cells
    from source

),

checked as (

    select
        * except (cells, key, tempo),
        key as musical_key,
        -- Spotify writes 0 where it found no tempo.
        nullif(tempo, 0) as tempo_bpm,
        to_json(cells) as landed_row,
        case
            when raw_line is not null then 'unreadable'
            when cells['is_forgotten'] then 'forgotten'
            when track_id is null then 'track_missing'
            when {{ filled_but_unusable([
                'danceability', 'energy', 'loudness', 'speechiness',
                'acousticness', 'instrumentalness', 'liveness', 'valence',
            ]) }}
                then 'audio_feature_invalid'
            when {{ filled_but_unusable(['key']) }} then 'key_invalid'
            when {{ filled_but_unusable(['mode']) }} then 'mode_invalid'
            when {{ filled_but_unusable(['tempo']) }} then 'tempo_invalid'
            when {{ filled_but_unusable(['duration_ms']) }}
                then 'duration_invalid'
            when {{ filled_but_unusable(['time_signature']) }}
                then 'time_signature_invalid'
            when {{ holds_nul(['track_id', 'title', 'artist', 'genre']) }}
                then 'text_damaged'
        end as rejection_reason
    from typed

)

select * from checked
