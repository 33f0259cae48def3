-- One row: where the scores of tracks change, in the order of the bands.
with

entities as (

    select * from {{ ref('int_tracks_measured') }}

),

bands as (

    select * from {{ ref('rfm_bands') }}

),

{{ rfm_cut_points() }}

select * from cut
