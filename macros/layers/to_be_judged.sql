{#- Batches that arrived since what is published; none where rejects are accepted. -#}
{% macro to_be_judged() -%}
{%- if env_var('ENCORE_ACCEPT_REJECTS', '') == 'yes' -%}
false
{%- else -%}
batch_id > {{ run_facts().get('published_upto', 0) }}
{%- endif -%}
{%- endmacro %}
