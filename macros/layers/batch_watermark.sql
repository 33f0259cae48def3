{#- The last batch of the batch layer, as a literal: what batch-only models read
    up to. Outside a run everything. -#}
{% macro batch_watermark() -%}
{{ run_facts().batch }}
{%- endmacro %}
