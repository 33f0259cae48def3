-- One row per landed listen without a reason to reject it, numbered by arrival
-- among the rows that are the same listen: 1 is the listen, the others are its
-- duplicates. A known and an unknown ms_played are two listens; `partition by`
-- takes two nulls as equal.
with

listens as (

    select * from {{ ref('int_listens_unioned') }}
    where rejection_reason is null and batch_id <= {{ batch_watermark() }}

),

ranked as (

    select
        listener_id,
        track_id,
        source_name,
        source_file,
        batch_id,
        source_line,
        ms_played,
        row_number() over (
            partition by listener_id, track_id, listened_at, ms_played
            order by batch_id asc, source_line asc
        ) as arrival_number,
        listened_at
    from listens

)

select * from ranked
