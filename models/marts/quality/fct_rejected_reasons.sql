-- One row per source, file, batch and reason for which rows of it are not used:
-- how many, and the first of them.
with

rejected_rows as (

    select * from {{ ref('int_rows_rejected') }}

),

accounts as (

    select * from {{ ref('fct_landing_accounts') }}

),

reasons as (

    select
        source_name as source,
        source_file,
        batch_id,
        rejection_reason,
        reason_description,
        count(*) as row_count,
        min(source_line) as first_line,
        min_by(landed_row, source_line) as first_row
    from rejected_rows
    group by
        source_name,
        source_file,
        batch_id,
        rejection_reason,
        reason_description

),

shared as (

    select
        reasons.source,
        reasons.source_file,
        reasons.batch_id,
        reasons.rejection_reason,
        reasons.reason_description,
        reasons.row_count,
        reasons.row_count / accounts.rows_landed as row_share,
        reasons.first_line,
        reasons.first_row
    from reasons
    left outer join accounts
        on
            reasons.source = accounts.source
            and reasons.source_file = accounts.source_file
            and reasons.batch_id = accounts.batch_id

)

select * from shared
