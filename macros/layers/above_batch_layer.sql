{#- Everything above the batch watermark: what the hourly layer compacts. `false` where
    that is nothing, as in the hourly layer. -#}
{% macro above_batch_layer() -%}
    {%- set facts = run_facts() -%}
{{
    'batch_id > ' ~ facts.batch ~ ' and batch_id <= ' ~ facts.upto
    if facts.upto > facts.batch else 'false'
}}
{%- endmacro %}
