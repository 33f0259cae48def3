{#- Whether a row came with a batch of these ranges, each above its first number and up
    to its second. -#}
{% macro in_batches(ranges) -%}
    {%- set within = [] -%}
    {%- for after, upto in ranges -%}
        {%- do within.append('batch_id > ' ~ after ~ ' and batch_id <= ' ~ upto) -%}
    {%- endfor -%}
{{ '(' ~ within | join(' or ') ~ ')' if within else 'false' }}
{%- endmacro %}
