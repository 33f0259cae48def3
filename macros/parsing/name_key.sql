{#- An artist's or a title's name as it is compared: lower case, all but letters,
    digits and marks made one blank, trimmed; null when nothing is left. -#}
{% macro name_key(name) -%}
nullif(
            trim(regexp_replace(lower({{ name }}), '[^\\p{L}\\p{N}\\p{M}]+', ' ')),
            ''
        )
{%- endmacro %}
