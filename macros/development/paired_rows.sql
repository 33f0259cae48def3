{#- Two versions of a model side by side: CTEs up to `paired`, a row per key with
    the rows of both as the structs `here` and `there`; null where there is none. -#}
{% macro paired_rows(ours, theirs, key) -%}
with

here as (

    select struct(*) as cells from {{ ours }}

),

there as (

    select struct(*) as cells from {{ theirs }}

),

paired as (

    select
        here.cells as here,
        there.cells as there
    from here
    full outer join there
        on
            {%- for column in key %}
            {{ 'and ' if not loop.first -}}
            here.cells.`{{ column }}` <=> there.cells.`{{ column }}`
            {%- endfor %}

)
{%- endmacro %}
