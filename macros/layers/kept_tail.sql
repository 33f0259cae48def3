{#- The batches of the tail that this run finds there, above the batch layer; the
    CTE `nothing` where there are none. -#}
{% macro kept_tail() %}
    {%- set facts = run_facts() -%}
    {{ return(
        candidate('table') if facts.tail_holds else 'nothing'
    ) }}
{% endmacro %}
