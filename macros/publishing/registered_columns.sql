{#- (name, type) of each column of a table, as it is registered. -#}
{% macro registered_columns(relation) %}
    {%- set columns = [] -%}
    {%- for row in run_query('describe table ' ~ relation).rows
        if row[0] and not row[0].startswith('#') -%}
        {%- do columns.append((row[0], row[1])) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}
