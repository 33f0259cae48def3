{#- Where this invocation builds: a schema that no other lane, and no later run,
    ever reads by accident. -#}
{% macro run_schema() %}
    {%- set stamp = run_started_at.strftime('%Y%m%d%H%M%S') -%}
    {%- set lane = env_var('ENCORE_LANE', 'all') -%}
    {%- set what = 'as_of' if env_var('ENCORE_AS_OF', '') else 'build_' ~ lane -%}
    {{ return(env_var('ENCORE_BUILD', '') or
        target.schema ~ '_' ~ what ~ '_' ~ stamp ~ '_' ~ invocation_id[:6]
    ) }}
{% endmacro %}
