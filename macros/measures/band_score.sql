{#- 1 + the number of cut points below a value: equal values always get equal
    scores. Null where there are no cut points or no value. -#}
{% macro band_score(value, cut_points) -%}
if(
            {{ value }} is null,
            null,
            1 + size(filter({{ cut_points }}, cut_point -> {{ value }} > cut_point))
        )
{%- endmacro %}
