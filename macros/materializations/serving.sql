{#- What people query and speed runs keep fresh: a table when the batch layer is
    built, which is where it is tested and its contract checked; when a speed run
    builds it, a view of the same SQL over all layers, so that a cycle costs only
    what is new. -#}
{% materialization serving, adapter='spark' %}
    {%- set speed = run_facts().get('speed') -%}
    {%- set relation = candidate('view' if speed else 'table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if this.identifier in run_facts().get('inline', []) -%}
        {% do inlined(compiled_code) %}
    {%- else -%}
        {%- call statement('main') -%}
            {%- if speed -%}
                create view {{ relation }} as {{ compiled_code }}
            {%- else -%}
                {{ create_table_as(False, relation, compiled_code) }}
            {%- endif -%}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
