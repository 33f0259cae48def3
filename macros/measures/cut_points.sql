{#- The cut points of a measure, as an array in the order of the bands: exact
    percentiles with linear interpolation (as numpy's and Spark's
    `percentile`), in decimals, so that no rounding separates equal values.
    Null below five values. `sorted_values` is an ascending array, `percentiles`
    an array of decimals. -#}
{% macro cut_points(sorted_values, percentiles) -%}
    {%- set position = '(percentile * (size(' ~ sorted_values ~ ') - 1))' -%}
    {%- set lower = sorted_values ~ '[cast(floor(' ~ position ~ ') as int)]' -%}
    {%- set upper = sorted_values ~ '[cast(ceil(' ~ position ~ ') as int)]' -%}
if(
            size({{ sorted_values }}) < 5,
            null,
            transform(
                {{ percentiles }},
                percentile -> cast(
                    {{ lower }} + ({{ upper }} - {{ lower }})
                    * ({{ position }} - floor({{ position }}))
                    as decimal(38, 6)
                )
            )
        )
{%- endmacro %}
