{#- A sum of counts, each halved for every `half_life` days of its age: sum of
    count * 2^(-age / half-life). In decimals: a sum of doubles depends on the order
    of its terms. -#}
{% macro decayed_sum(count, age_days, half_life) -%}
cast(sum(
            {{ count }} * cast(
                power(0.5D, {{ age_days }} / {{ half_life }}) as decimal(20, 12)
            )
        ) as double)
{%- endmacro %}
