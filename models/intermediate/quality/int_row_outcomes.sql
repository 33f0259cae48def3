-- One row per source, file, batch and what became of its rows: `landed` of all
-- of them, and one more outcome of each, counted where the rows went.
with

listens as (

    select * from {{ ref('int_listens_unioned') }}
    where batch_id <= {{ batch_watermark() }}

),

ranked_listens as (

    select * from {{ ref('int_listens_ranked') }}

),

listens_log as (

    select * from {{ ref('int_listens_log') }}

),

tracks as (

    select
        *,
        'landing.track_features' as source_name
    from {{ ref('stg_landing__tracks') }}
    where batch_id <= {{ batch_watermark() }}

),

ranked_tracks as (

    select * from {{ ref('int_tracks_ranked') }}

),

latest_tracks as (

    select * from {{ ref('int_tracks_latest') }}

),

rejected_rows as (

    select * from {{ ref('int_rows_rejected') }}

),

outcomes as (

    {%- for rows in ('listens', 'tracks') %}
        {{ row_outcomes(rows, 'landed') }}
        union all
        {{ row_outcomes(rows, 'unreadable', 'raw_line is not null') }}
        union all
        {{ row_outcomes(rows, 'forgotten', "rejection_reason = 'forgotten'") }}
        union all
    {%- endfor %}
    {{ row_outcomes('listens_log', 'accepted') }}
    union all
    {{ row_outcomes('latest_tracks', 'accepted') }}
    union all
    {{ row_outcomes('ranked_listens', 'duplicate', 'arrival_number > 1') }}
    union all
    {{ row_outcomes(
        'ranked_tracks', 'superseded', 'reverse_arrival_number > 1'
    ) }}
    union all
    {{ row_outcomes(
        'rejected_rows', 'rejected', "rejection_reason <> 'unreadable'"
    ) }}

)

select * from outcomes
