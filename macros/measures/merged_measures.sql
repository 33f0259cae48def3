{#- Merges rows of int_listener_tracks_measured into a coarser grain. -#}
{% macro merged_measures() -%}
sum(listen_count) as listen_count,
        sum(known_listen_count) as known_listen_count,
        sum(known_listen_ms) as known_listen_ms,
        min(first_listened_at) as first_listened_at,
        max(last_listened_at) as last_listened_at
{%- endmacro %}
