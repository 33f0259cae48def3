{#- The published log that the new one goes on from; the CTE `nothing` where everything
    is read again: at first, after an edit, with --full-refresh. -#}
{% macro kept_log() %}
    {%- set log = run_facts().old_log -%}
    {{ return(log.build ~ '.int_listens_log' if log else 'nothing') }}
{% endmacro %}
