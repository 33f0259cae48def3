-- One row per source of which staging has more or fewer rows than this run
-- reads of its landed ones.
with

landed as (

    select
        'listening_history' as source_name,
        count(*) as rows_counted
    from {{ source('landing', 'listening_history') }}
    where batch_id <= {{ batch_watermark() }}
    union all
    select
        'track_features' as source_name,
        count(*) as rows_counted
    from {{ source('landing', 'track_features') }}
    where batch_id <= {{ batch_watermark() }}

),

staged as (

    select
        'listening_history' as source_name,
        count(*) as rows_counted
    from {{ ref('stg_landing__listens') }}
    union all
    select
        'track_features' as source_name,
        count(*) as rows_counted
    from {{ ref('stg_landing__tracks') }}

),

differences as (

    select
        landed.source_name,
        landed.rows_counted as rows_landed,
        staged.rows_counted as rows_staged
    from landed
    inner join staged
        on landed.source_name = staged.source_name
    where landed.rows_counted <> staged.rows_counted

)

select * from differences
