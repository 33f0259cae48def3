{#- A view in the schema of this run; end_run() publishes it. -#}
{% materialization published_view, adapter='spark' %}
    {%- set relation = candidate('view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {%- if run_facts().get('speed') -%}
            {#- The same SQL was checked when the batch was built. -#}
            create view {{ relation }} as {{ compiled_code }}
        {%- else -%}
            {{ create_view_as(relation, compiled_code) }}
        {%- endif -%}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
