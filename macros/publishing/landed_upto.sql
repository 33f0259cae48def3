{#- The last batch that this invocation reads, as a literal: landing may go on
    while dbt runs. Outside a run (compile, docs, unit tests): everything. -#}
{% macro landed_upto() %}
    {%- set everything = 9223372036854775807 -%}
    {%- set facts = (graph if execute else {}).get('encore', {}) -%}
    {{ return(facts.get('upto', everything)) }}
{% endmacro %}
