-- One row per landed row that was rejected, of any source. Lines that could
-- not be split are not among them: they are counted apart, as unreadable.
with

listens as (

    select * from {{ ref('int_listens_unioned') }}
    where batch_id <= {{ batch_watermark() }}

),

tracks as (

    select
        *,
        'landing.track_features' as source_name
    from {{ ref('stg_landing__tracks') }}
    where batch_id <= {{ batch_watermark() }}

),

landed_rows as (

    select
        source_name,
        source_file,
        batch_id,
        source_line,
        rejection_reason,
        landed_row
    from listens
    union all
    select
        source_name,
        source_file,
        batch_id,
        source_line,
        rejection_reason,
        landed_row
    from tracks

),

rejected as (

    select * from landed_rows
    where rejection_reason <> 'unreadable'

)

select * from rejected
