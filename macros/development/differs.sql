{#- Whether a row that is here and there has other values in one of the columns. -#}
{% macro differs(columns) -%}
here is not null and there is not null and (
        {%- for column in columns %}
        {{ 'or ' if not loop.first -}}
        not here.`{{ column }}` <=> there.`{{ column }}`
        {%- endfor %}
        {{ 'false' if not columns }}
    )
{%- endmacro %}
