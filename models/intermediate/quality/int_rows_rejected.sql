-- One row per landed row with a reason not to be used, of any source, and what
-- the reason means. Lines that could not be split are among them.
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

rejection_reasons as (

    select * from {{ ref('rejection_reasons') }}

),

rejected as (

    select
        source_name,
        source_file,
        batch_id,
        source_line,
        rejection_reason,
        landed_row,
        'listen' as entity
    from listens
    where rejection_reason <> 'forgotten'
    union all
    select
        source_name,
        source_file,
        batch_id,
        source_line,
        rejection_reason,
        landed_row,
        'track' as entity
    from tracks
    where rejection_reason <> 'forgotten'

),

explained as (

    select
        rejected.source_name,
        rejected.source_file,
        rejected.batch_id,
        rejected.source_line,
        rejected.rejection_reason,
        rejection_reasons.description as reason_description,
        rejected.landed_row
    from rejected
    left outer join rejection_reasons
        on
            rejected.rejection_reason = rejection_reasons.rejection_reason
            and rejection_reasons.entity in (rejected.entity, 'any')

)

select * from explained
