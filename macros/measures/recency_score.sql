{#- The band score of an age, turned round: the newest get the highest score. -#}
{% macro recency_score(age, cut_points) -%}
size({{ cut_points }}) + 2 - ({{ band_score(age, cut_points) }})
{%- endmacro %}
