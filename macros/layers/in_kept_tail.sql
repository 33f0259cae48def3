{#- Above the batch layer, up to where the tail was complete before this run. -#}
{% macro in_kept_tail() -%}
batch_id > {{ run_facts().batch }} and batch_id <= {{ run_facts().tail_from }}
{%- endmacro %}
