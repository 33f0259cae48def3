{#- Two versions of a model side by side: CTEs up to `paired`, a row per key with
    the rows of both as the structs `here` and `there`; null where there is none. A
    key that comes more than once is paired as often as both have it. -#}
{% macro paired_rows(ours, theirs, key) -%}
with
{% for name, relation in (('here', ours), ('there', theirs)) %}
{{ name }} as (

    select
        struct(*) as cells,
        row_number() over (
            partition by {% for column in key %}`{{ column }}`{{ ', ' if not loop.last }}
            {%- endfor %}
            order by to_json(struct(*)) asc
        ) as copy
    from {{ relation }}

),
{% endfor %}
paired as (

    select
        here.cells as here,
        there.cells as there
    from here
    full outer join there
        on
            here.copy = there.copy
            {%- for column in key %}
            and here.cells.`{{ column }}` <=> there.cells.`{{ column }}`
            {%- endfor %}

)
{%- endmacro %}
