{#- What is kept of a group of listens: only what merges exactly by +, min and
    max. One definition for every grain. -#}
{% macro listen_partials() -%}
count(*) as listen_count,
        coalesce(sum(ms_played), 0) as ms_played_sum,
        count(ms_played) as ms_played_count,
        count_if(ms_played < {{ var('shortest_listen_ms') }}) as skip_count,
        min(listened_at) as first_listened_at,
        max(listened_at) as last_listened_at
{%- endmacro %}
