{#- A landed cell without surrounding white space; null when nothing is left. -#}
{% macro cleaned(column) -%}
nullif(trim(both ' \t\r\n' from {{ column }}), '')
{%- endmacro %}
