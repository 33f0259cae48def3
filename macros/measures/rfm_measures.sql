{#- The RFM columns of one entity from its merged measures (`entities`) and the
    span of the whole history (`span`). Seconds are differences of floors: the
    floor of a difference is one less whenever the fractions are crossed. -#}
{% macro rfm_measures() -%}
    {%- set base = 'unix_seconds(span.base_at)' -%}
entities.listen_count as frequency,
        unix_seconds(entities.first_listened_at) - {{ base }} as first_recency_s,
        unix_seconds(entities.last_listened_at) - {{ base }} as last_recency_s,
        unix_seconds(span.newest_at) - {{ base }} as span_s,
        unix_seconds(span.newest_at)
        - unix_seconds(entities.last_listened_at) as age_s,
        if(
            entities.known_listen_count > 0, entities.known_listen_ms, null
        ) as listen_ms,
        entities.known_listen_count / entities.listen_count
            as listen_ms_coverage,
        entities.known_listen_count = entities.listen_count as has_monetary
{%- endmacro %}
