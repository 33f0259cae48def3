{#- What every source says of a candidate. -#}
{% macro candidate_columns() -%}
listener_id,
        track_id,
        source,
        strength,
        rank_in_source,
        reason
{%- endmacro %}
