{#- True when a landed cell holds something and its typed column is null. Cells
    are found in the struct `cells`, typed columns under the same names. -#}
{% macro filled_but_unusable(columns) -%}
(
                {%- for column in columns %}
                {{ 'or ' if not loop.first }}(
                    {{ cleaned("cells['" ~ column ~ "']") }} is not null
                    and {{ column }} is null
                )
                {%- endfor %}
            )
{%- endmacro %}
