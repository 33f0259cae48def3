-- One row per accepted listen: the log that everything is counted from.
with

ranked_listens as (

    select * from {{ ref('int_listens_ranked') }}

),

first_arrivals as (

    select
        listener_id,
        track_id,
        source_name,
        source_file,
        batch_id,
        ms_played,
        listened_at
    from ranked_listens
    where arrival_number = 1

)

select * from first_arrivals
