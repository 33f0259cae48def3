{#- Everything above the batch watermark: what the hourly layer compacts. -#}
{% macro above_batch_layer() -%}
batch_id > {{ run_facts().batch }} and batch_id <= {{ run_facts().upto }}
{%- endmacro %}
