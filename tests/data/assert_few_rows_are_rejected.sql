{{ config(meta={
    'hint': 'Mend the file or the staging model; or run '
    ~ '`encore run batch --accept-rejects` to go on without these rows.',
}) }}

-- One row per file that arrived since what is published, has as many rows as
-- var('judged_rows') or more, and of which more than var('most_rejected_share')
-- cannot be used: a broken export is looked at before it is published.
with

accounts as (

    select * from {{ ref('fct_landing_accounts') }}
    where {{ to_be_judged() }}

),

rejected_reasons as (

    select
        source,
        source_file,
        batch_id,
        array_join(sort_array(collect_list(rejection_reason)), ', ') as reasons
    from {{ ref('fct_rejected_reasons') }}
    group by source, source_file, batch_id

),

broken as (

    select
        accounts.source_file,
        accounts.batch_id,
        accounts.rows_landed,
        accounts.rows_rejected,
        accounts.rows_unreadable,
        rejected_reasons.reasons
    from accounts
    left outer join rejected_reasons
        on
            accounts.source = rejected_reasons.source
            and accounts.source_file = rejected_reasons.source_file
            and accounts.batch_id = rejected_reasons.batch_id
    where
        accounts.rows_landed >= {{ var('judged_rows') }}
        and accounts.rows_rejected + accounts.rows_unreadable
        > {{ var('most_rejected_share') }} * accounts.rows_landed

)

select * from broken
