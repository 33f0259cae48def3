{#- Gives the lock back. Jinja has no `finally`: who refuses under the lock gives
    it back first, and says why. -#}
{% macro unlock(complaint=none) %}
    {% do execute_statement('drop schema if exists ' ~ target.schema ~ '_lock') %}
    {%- if complaint -%}
        {% do exceptions.raise_compiler_error(complaint) %}
    {%- endif -%}
{% endmacro %}
