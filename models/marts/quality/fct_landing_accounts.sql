-- One row per source, file and batch with a landed row: what became of its
-- rows. Each number is counted where its rows are, none is the rest.
with

row_outcomes as (

    select * from {{ ref('int_row_outcomes') }}

),

accounts as (

    select
        source_name as source,
        source_file,
        batch_id,
        sum(if(outcome = 'landed', row_count, 0)) as rows_landed,
        sum(if(outcome = 'accepted', row_count, 0)) as rows_accepted,
        sum(if(outcome = 'duplicate', row_count, 0)) as rows_duplicate,
        sum(if(outcome = 'superseded', row_count, 0)) as rows_superseded,
        sum(if(outcome = 'rejected', row_count, 0)) as rows_rejected,
        sum(if(outcome = 'unreadable', row_count, 0)) as rows_unreadable,
        sum(if(outcome = 'forgotten', row_count, 0)) as rows_forgotten
    from row_outcomes
    group by source_name, source_file, batch_id

)

select * from accounts
