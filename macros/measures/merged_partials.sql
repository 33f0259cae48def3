{#- Merges partial aggregates of any layers: the counterpart of listen_partials. -#}
{% macro merged_partials() -%}
sum(listen_count) as listen_count,
        sum(ms_played_sum) as ms_played_sum,
        sum(ms_played_count) as ms_played_count,
        sum(skip_count) as skip_count,
        min(first_listened_at) as first_listened_at,
        max(last_listened_at) as last_listened_at
{%- endmacro %}
