{#- The last batch in the kept log; 0 where there is none. -#}
{% macro kept_log_upto() -%}
    {%- set log = run_facts().old_log -%}
{{ log.upto if log else 0 }}
{%- endmacro %}
