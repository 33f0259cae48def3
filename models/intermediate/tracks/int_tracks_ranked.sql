-- One row per landed track without a reason to reject it, numbered from the
-- last arrival of its id backwards: 1 is in force, the others are superseded.
with

tracks as (

    select * from {{ ref('stg_landing__tracks') }}
    where rejection_reason is null

),

ranked as (

    select
        * except (raw_line, landed_row, rejection_reason, landed_at),
        'landing.track_features' as source_name,
        row_number() over (
            partition by track_id
            order by batch_id desc, source_line desc
        ) as reverse_arrival_number
    from tracks

)

select * from ranked
