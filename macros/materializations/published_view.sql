{#- A view in the schema of this run; end_run() publishes it. In a speed run nothing
    but text: what reads it was checked when the batch was built. -#}
{% materialization published_view, adapter='spark' %}
    {%- set relation = candidate('view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if this.identifier in run_facts().get('inline', []) -%}
        {% do inlined(compiled_code) %}
    {%- else -%}
        {%- call statement('main') -%}
            {{ create_view_as(relation, compiled_code) }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
