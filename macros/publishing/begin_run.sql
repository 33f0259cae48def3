{#- on-run-start: decides once what every node of this invocation reads, and
    leaves it on `graph`, the one object that all nodes share. -#}
{% macro begin_run() %}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {% do register_landing() %}
    {%- do graph.update({'encore': {'upto': newest_batch()}}) -%}
    {#- Who changed the tables last: what is built from them names it, and
        notices a change in between. -#}
    {% do execute_statement(
        "create or replace view " ~ target.schema ~ ".last_invocation as select '"
        ~ invocation_id ~ "' as invocation_id"
    ) %}
{% endmacro %}
