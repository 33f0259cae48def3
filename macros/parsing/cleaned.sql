{#- A landed cell without surrounding white space, a no-break or a wide blank and a
    byte order mark among it; null when nothing is left. -#}
{% macro cleaned(column) -%}
nullif(trim(both ' \t\r\n\u00a0\u3000\u200b\ufeff' from {{ column }}), '')
{%- endmacro %}
