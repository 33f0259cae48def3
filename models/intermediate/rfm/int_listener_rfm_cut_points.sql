-- One row: where the scores of listeners change, in the order of the bands.
with

entities as (

    select * from {{ ref('int_listeners_measured') }}

),

bands as (

    select * from {{ ref('rfm_bands') }}

),

{{ rfm_cut_points() }}

select * from cut
