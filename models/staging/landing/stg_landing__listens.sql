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
        case
            when raw_line is not null then 'unreadable'
            when cells['is_forgotten'] then 'forgotten'
            when track_id is null then 'track_missing'
            when listener_id is null then 'listener_missing'
            when {{ cleaned("cells['timestamp']") }} is null
                then 'timestamp_missing'
            when listened_at is null then 'timestamp_unreadable'
            when
                listened_at < timestamp '{{ var("earliest_listened_at") }}'
                or listened_at > landed_at + interval 1 day
                then 'timestamp_out_of_range'
            when {{ filled_but_unusable(['ms_played']) }}
                then 'ms_played_invalid'
            when
                {{ holds_nul(['listener_id', 'track_id', 'artist', 'title']) }}
                then 'text_damaged'
        end as rejection_reason
    from typed

)

select * from checked
