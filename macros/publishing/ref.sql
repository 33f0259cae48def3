{#- A published model is read under its physical name: what this run builds if it is
    selected (a speed run puts some in place as text), else what it adopts, else what
    is published. So a run reads nothing that another may change, and a candidate whose
    tests failed is never read again. The fixture of a unit test (a CTE) stays. -#}
{% macro ref() %}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- set place, text = none, none -%}
    {%- if execute and not relation.is_cte -%}
        {%- set place = run_facts().placed.get(relation.identifier) -%}
        {%- set text = run_facts().get('inlined', {}).get(relation.identifier) -%}
    {%- endif -%}
    {{ return(
        text or (
            relation.incorporate(path={'schema': place.build}) if place else relation
        )
    ) }}
{% endmacro %}
