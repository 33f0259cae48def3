{#- The moment that popularity, decay and ages look back from, as text: that of a run
    that looks back (ENCORE_AS_OF), else the var; empty: the newest listen. -#}
{% macro as_of() -%}
{{ run_facts().get('as_of') or var('as_of') }}
{%- endmacro %}
