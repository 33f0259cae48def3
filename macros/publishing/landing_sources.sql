{#- The source tables that `encore land` writes: those with `meta.landing`. -#}
{% macro landing_sources() %}
    {%- set found = [] -%}
    {%- for source in graph.sources.values() if source.config.meta.landing -%}
        {%- do found.append(source) -%}
    {%- endfor -%}
    {{ return(found | sort(attribute='unique_id')) }}
{% endmacro %}
