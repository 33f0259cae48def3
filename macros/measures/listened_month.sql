{#- The UTC month of a timestamp, as text: what the keys of the log are
    partitioned by. -#}
{% macro listened_month(timestamp) -%}
left(cast({{ utc_date(timestamp) }} as string), 7)
{%- endmacro %}
