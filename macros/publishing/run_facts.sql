{#- What every node of one invocation agrees on. begin_run() leaves it on
    `graph`, the one object that all nodes share. Elsewhere (compile, docs, unit
    tests) everything counts as batch. -#}
{% macro run_facts() %}
    {%- set everything = 9223372036854775807 -%}
    {{ return((graph if execute else {}).get('encore', {
        'placed': {}, 'batch': everything, 'hourly': everything,
        'upto': everything, 'tail_holds': [], 'tail_lacks': [], 'old_log': none,
    })) }}
{% endmacro %}
