-- One row per landed row that was rejected, with the first reason to do so.
with

rejected_rows as (

    select * from {{ ref('int_rows_rejected') }}

),

rejection_reasons as (

    select * from {{ ref('rejection_reasons') }}

),

explained as (

    select
        rejected_rows.source_name as source,
        rejected_rows.source_file,
        rejected_rows.batch_id,
        rejected_rows.source_line,
        rejected_rows.rejection_reason,
        rejection_reasons.description as reason_description,
        rejected_rows.landed_row
    from rejected_rows
    left outer join rejection_reasons
        on
            rejected_rows.rejection_reason = rejection_reasons.rejection_reason
            and rejection_reasons.entity = case rejected_rows.source_name
                when 'landing.track_features' then 'track'
                else 'listen'
            end

)

select * from explained
