{#- Makes each landing source a table over its folder of Parquet batches. The
    columns are those of the source YAML, all strings, and those that every
    batch has. The server knows the folder. Registering again after an edit
    loses nothing: the files are not the table's. In `dev`, columns are added and
    none is taken away: the tables are those that production reads. -#}
{% macro register_landing() %}
    {%- set landing = run_query('set spark.encore.landing').rows[0][1] -%}
    {%- set batch_columns = [
        ('batch_id', 'bigint'), ('source_file', 'string'),
        ('source_line', 'bigint'), ('landed_at', 'timestamp'),
        ('raw_line', 'string'), ('extra', 'string'), ('is_forgotten', 'boolean'),
        ('chunk', 'int'),
    ] -%}
    {%- for source in landing_sources() -%}
        {%- set columns = [] -%}
        {%- for name in source.columns -%}
            {%- do columns.append((name | lower, 'string')) -%}
        {%- endfor -%}
        {%- do columns.extend(batch_columns) -%}
        {%- set relation = source.schema ~ '.' ~ source.identifier -%}
        {%- set folder = source.source_name ~ '.' ~ source.name -%}
        {% do execute_statement('create schema if not exists ' ~ source.schema) %}
        {%- set known = run_query(
            "show tables in " ~ source.schema ~ " like '" ~ source.identifier ~ "'"
        ).rows | length -%}
        {%- set registered = registered_columns(relation) if known else [] -%}
        {%- set missing = columns | reject('in', registered) | list -%}
        {%- if known and registered != columns and target.name == 'prod' -%}
            {% do execute_statement('drop table ' ~ relation) %}
            {%- set known, missing = 0, columns -%}
        {%- endif -%}
        {%- set typed = [] -%}
        {%- for name, type in missing -%}
            {%- do typed.append('`' ~ name ~ '` ' ~ type) -%}
        {%- endfor -%}
        {%- if known and missing -%}
            {% do execute_statement(
                'alter table ' ~ relation ~ ' add columns (' ~ typed | join(', ') ~ ')'
            ) %}
        {%- elif known -%}
            {% do execute_statement('refresh table ' ~ relation) %}
        {%- else -%}
            {% do execute_statement(
                "create table if not exists " ~ relation ~ " (" ~ typed | join(', ')
                ~ ") using parquet location '" ~ landing ~ "/" ~ folder ~ "'"
            ) %}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
