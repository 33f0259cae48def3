{#- Above the batch watermark, as far as the hourly layer has compacted. -#}
{% macro in_hourly_layer() -%}
batch_id > {{ run_facts().batch }} and batch_id <= {{ run_facts().hourly }}
{%- endmacro %}
