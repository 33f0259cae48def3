-- One row per negative example of a track that its listener had heard by then.
with

negatives as (

    select * from {{ ref('training_examples') }}
    where label = 0

),

listens as (

    select * from {{ ref('int_listens_log') }}

),

heard as (

    select
        negatives.listener_id,
        negatives.track_id,
        negatives.observed_at
    from negatives
    left semi join listens
        on
            negatives.listener_id = listens.listener_id
            and negatives.track_id = listens.track_id
            and negatives.observed_at >= listens.listened_at

)

select * from heard
