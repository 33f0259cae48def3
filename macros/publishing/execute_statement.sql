{#- run_query fails on statements that return nothing. -#}
{% macro execute_statement(sql) %}
    {%- call statement(auto_begin=False) -%}{{ sql }}{%- endcall -%}
{% endmacro %}
