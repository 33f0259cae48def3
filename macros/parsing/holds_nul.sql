{#- True when one of the columns holds a NUL, which no id and no name has: a
    file of which a part was never written, or text in two bytes a letter. -#}
{% macro holds_nul(columns) -%}
contains(concat_ws('', {{ columns | join(', ') }}), '\u0000')
{%- endmacro %}
