{#- A table in the schema of this run; end_run() publishes it. -#}
{% materialization published_table, adapter='spark' %}
    {%- set relation = candidate('table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {{ create_table_as(False, relation, compiled_code) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
