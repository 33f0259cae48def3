{#- The batches of the tail that this run finds there, above the batch layer; none
    where it has to read nothing before. -#}
{% macro kept_tail() %}
    {%- set facts = run_facts() -%}
    {{ return(
        candidate('table') if facts.tail_from > facts.batch else ''
    ) }}
{% endmacro %}
