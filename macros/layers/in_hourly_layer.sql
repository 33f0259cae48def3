{#- Above the batch watermark, as far as the hourly layer has compacted. Where that is
    nothing, `false`: Spark leaves the layer out of the plan, which it cannot find out
    from two bounds. -#}
{% macro in_hourly_layer() -%}
    {%- set facts = run_facts() -%}
{{
    'batch_id > ' ~ facts.batch ~ ' and batch_id <= ' ~ facts.hourly
    if facts.hourly > facts.batch else 'false'
}}
{%- endmacro %}
