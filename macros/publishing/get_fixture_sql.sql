{#- Rows of a unit test's fixture, typed by the relation that this run builds
    for the model, else by the public one. dbt would look at that alone, which does
    not exist on a first build and has the old columns after an edit. -#}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
    {%- set built = api.Relation.create(schema=run_schema(), identifier=this.identifier) -%}
    {%- set known = load_relation(built) or defer_relation or this -%}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(known) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- endfor -%}
    {%- if not types -%}
        {%- do exceptions.raise_compiler_error(
            known ~ ', which ' ~ model.name ~ ' reads, is not built: select it too'
        ) -%}
    {%- endif -%}
    {%- for row in rows or [{}] -%}
        {%- set cells = format_row(row, types) %}
        select
        {%- for name, type in types.items() %}
            {{ cells.get(name, 'cast(null as ' ~ type ~ ')') }}
            as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
        {%- endfor %}
        {{- ' union all' if not loop.last }}
    {%- endfor -%}
    {{ ' limit 0' if not rows }}
{% endmacro %}
