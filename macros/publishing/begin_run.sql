{#- on-run-start: decides once what every node of this invocation reads and makes,
    and leaves it on `graph` (see run_facts). -#}
{% macro begin_run() %}
    {%- if not execute or flags.WHICH not in ('build', 'run', 'seed') -%}
        {{ return('') }}
    {%- endif -%}
    {%- if as_of_moment() -%}
        {%- do graph.update({'encore': as_of_facts()}) -%}
        {{ return('') }}
    {%- endif -%}
    {% do register_landing() %}
    {%- if target.name != 'prod' -%}
        {%- set newest = newest_batch() -%}
        {%- do graph.update({'encore': {
            'placed': {}, 'batch': newest, 'hourly': newest, 'upto': newest,
            'tail_holds': [], 'tail_lacks': [], 'old_log': none,
        }}) -%}
        {{ return('') }}
    {%- endif -%}
    {%- if flags.WHICH != 'build' or flags.EMPTY -%}
        {% do exceptions.raise_compiler_error(
            'prod publishes what was tested: use `dbt build`, without --empty'
        ) %}
    {%- endif -%}
    {%- if not run_query(
        "show views in " ~ target.schema ~ " like 'publication'"
    ) | length -%}
        {% do execute_statement(
            "create view " ~ target.schema ~ ".publication as select '' as model, "
            ~ "'' as build, 0L as upto, '' as fingerprint, '' as checksum, "
            ~ "'' as since, '' as until where false"
        ) %}
    {%- endif -%}
    {% do heal() %}
    {%- do graph.update({'encore': decided_facts()}) -%}
    {% do execute_statement('create schema if not exists ' ~ run_schema()) %}
{% endmacro %}
