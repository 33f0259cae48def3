{#- A seed as one statement into the schema of this run, every column of the type
    that `column_types` declares, else text. (dbt-spark's own inserts into the public
    schema.) -#}
{% materialization seed, adapter='spark' %}
    {%- set rows, types = load_agate_table(), config.get('column_types') -%}
    {%- set relation = candidate('table') -%}
    {%- if relation.schema == this.schema -%}
        {% do adapter.drop_relation(relation) %}
    {%- endif -%}
    {%- call statement('main') -%}
        create table {{ relation }} using parquet {{ comment_clause() }} as select
        {%- for name in rows.column_names %}
            cast(col{{ loop.index }} as {{ (types or {}).get(name, 'string') }}) as {{ name }}
            {{- ',' if not loop.last }}
        {%- endfor %}
        from values
        {%- for row in rows.rows %} (
            {%- for cell in row -%}
                {{ 'null' if cell is none else "'" ~ (cell | string)
                    | replace('\\', '\\\\') | replace("'", "\\'") ~ "'" }}
                {{- ', ' if not loop.last }}
            {%- endfor -%}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    {%- endcall -%}
    {#- dbt's runner of seeds reads this. -#}
    {%- do store_result('agate_table', response='OK', agate_table=rows) -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
