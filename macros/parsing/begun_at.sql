{#- When a play began of which the end and the milliseconds are known: too late by
    its pauses. Where it is not known how long it was, its end. -#}
{% macro begun_at(ended_at, ms_played) -%}
timestampadd(
            millisecond, -cast(coalesce({{ ms_played }}, 0) as int), {{ ended_at }}
        )
{%- endmacro %}
