{#- The mean of a measure of tracks over listens: each track counts as often as it
    was heard; null where the measure is known of none. -#}
{% macro mean_per_listen(measure) -%}
cast(sum(listen_count * {{ measure }}) as double)
        / sum(if({{ measure }} is null, null, listen_count))
{%- endmacro %}
