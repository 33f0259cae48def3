{#- Above the hourly layer, up to the last batch that the run has seen; `false` where
    that is nothing, as in the hourly layer. -#}
{% macro in_minute_layer() -%}
    {%- set facts = run_facts() -%}
{{
    'batch_id > ' ~ facts.hourly ~ ' and batch_id <= ' ~ facts.upto
    if facts.upto > facts.hourly else 'false'
}}
{%- endmacro %}
