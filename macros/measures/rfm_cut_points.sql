{#- One row with the cut points of each RFM measure over `entities`, by the
    percentiles of `bands`. -#}
{% macro rfm_cut_points() -%}
percentiles as (

    select array_sort(collect_list(percentile)) as percentiles
    from bands

),

sorted as (

    select
        array_sort(collect_list(age_s)) as ages,
        array_sort(collect_list(frequency)) as frequencies,
        array_sort(collect_list(if(has_monetary, listen_ms, null))) as listen_times
    from entities

),

cut as (

    select
        {{ cut_points('sorted.ages', 'percentiles.percentiles') }}
            as age_cut_points,
        {{ cut_points('sorted.frequencies', 'percentiles.percentiles') }}
            as frequency_cut_points,
        {{ cut_points('sorted.listen_times', 'percentiles.percentiles') }}
            as monetary_cut_points
    from sorted
    cross join percentiles

)
{%- endmacro %}
