-- One row per landed row that was rejected, with the first reason to do so.
-- Lines that could not be split are counted apart, as unreadable.
with

rejected_rows as (

    select * from {{ ref('int_rows_rejected') }}
    where rejection_reason <> 'unreadable'

),

renamed as (

    select
        source_name as source,
        source_file,
        batch_id,
        source_line,
        rejection_reason,
        reason_description,
        landed_row
    from rejected_rows

)

select * from renamed
