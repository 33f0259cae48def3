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
        count_if(outcome = 'landed') as rows_landed,
        count_if(outcome = 'accepted') as rows_accepted,
        count_if(outcome = 'duplicate') as rows_duplicate,
        count_if(outcome = 'superseded') as rows_superseded,
        count_if(outcome = 'rejected') as rows_rejected,
        count_if(outcome = 'unreadable') as rows_unreadable,
        count_if(outcome = 'forgotten') as rows_forgotten
    from row_outcomes
    group by source_name, source_file, batch_id

)

select * from accounts
