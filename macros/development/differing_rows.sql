{#- One row: how many rows a model has here and there, how many keys are only in one
    of them, how many rows differ, and in which of the `columns`. -#}
{% macro differing_rows(ours, theirs, key, columns) -%}
{{ paired_rows(ours, theirs, key) }}

select
    count(here) as rows_here,
    count(there) as rows_there,
    count_if(there is null) as only_here,
    count_if(here is null) as only_there,
    count_if({{ differs(columns) }}) as rows_changed
    {%- for column in columns %},
    count_if({{ differs([column]) }}) as `{{ column }}`
    {%- endfor %}
from paired
{%- endmacro %}
