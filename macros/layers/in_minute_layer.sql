{#- Above the hourly layer, up to the last batch that the run has seen. -#}
{% macro in_minute_layer() -%}
batch_id > {{ run_facts().hourly }} and batch_id <= {{ run_facts().upto }}
{%- endmacro %}
