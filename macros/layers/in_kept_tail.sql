{#- The batches above the batch layer that the tail was complete in before this run. -#}
{% macro in_kept_tail() -%}
{{ in_batches(run_facts().tail_holds) }}
{%- endmacro %}
