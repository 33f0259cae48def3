{#- A published model is read under its physical name: what this run builds if it
    is selected, else what it adopts, else what is published. So a run reads
    nothing that another may change, and a candidate whose tests failed is never
    read again. The fixture of a unit test (a CTE) stays what it is. -#}
{% macro ref() %}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- set place = none -%}
    {%- if execute and not relation.is_cte -%}
        {%- set place = run_facts().placed.get(relation.identifier) -%}
    {%- endif -%}
    {{ return(
        relation.incorporate(path={'schema': place.build}) if place else relation
    ) }}
{% endmacro %}
