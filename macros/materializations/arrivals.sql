{#- A table that speed runs add arrival batches to, in the schema of its
    fingerprint, partitioned by `batch_id`. A batch is written whole: writing it
    again changes nothing. Runs of other layers only make sure that it exists. -#}
{% materialization arrivals, adapter='spark' %}
    {%- set relation = candidate('table') -%}
    {%- set facts = run_facts() -%}
    {% do execute_statement('create schema if not exists ' ~ relation.schema) %}
    {%- if relation.schema == this.schema -%}
        {% do adapter.drop_relation(relation) %}
    {%- endif -%}
    {%- call statement('main') -%}
        create table if not exists {{ relation }} using parquet
        partitioned by (batch_id) as
        {{ get_empty_subquery_sql(compiled_code) }}
    {%- endcall -%}
    {%- if facts.tail_lacks -%}
        {% do execute_statement(
            'set spark.sql.sources.partitionOverwriteMode = dynamic'
        ) %}
        {%- call statement('main') -%}
            insert overwrite table {{ relation }} {{ compiled_code }}
        {%- endcall -%}
    {%- endif -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
