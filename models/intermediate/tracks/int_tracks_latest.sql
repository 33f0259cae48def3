-- One row per track of the catalogue, as its last arrival describes it.
with

ranked_tracks as (

    select * from {{ ref('int_tracks_ranked') }}

),

latest as (

    select * except (reverse_arrival_number)
    from ranked_tracks
    where reverse_arrival_number = 1

)

select * from latest
