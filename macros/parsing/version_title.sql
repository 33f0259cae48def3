{#- A title without the parts that say nothing of the performance, in lower case: in
    brackets, or after a dash, a slash or a semicolon. `phrases` are regular
    expressions of a whole such part, joined by `|`. What else is there stays: a
    live version, a remix or an acoustic one has another title. -#}
{% macro version_title(title, phrases) -%}
regexp_replace(
                lower({{ title }}),
                '\\s*[(\\[](' || {{ phrases }} || ')[)\\]]'
                || '|\\s*( [-–—]|[/;])\\s*(' || {{ phrases }}
                || ')(?=\\s*($|[)\\]/;]|[-–—] ))',
                ''
            )
{%- endmacro %}
