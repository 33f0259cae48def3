{#- A landed id without surrounding white space; null when nothing is left, or only
    what a program writes where it had none: nobody is called NaN. -#}
{% macro cleaned_id(column) -%}
nullif(
            regexp_replace(
                {{ cleaned(column) }},
                '^(nan|NaN|NA|<NA>|N/A|#N/A|null|NULL|None|undefined|\\\\N)$',
                ''
            ),
            ''
        )
{%- endmacro %}
