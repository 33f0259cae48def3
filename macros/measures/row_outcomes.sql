{#- How many rows of a relation became what, by the file that they landed in. -#}
{% macro row_outcomes(relation, outcome, condition='true') -%}
select
        source_name,
        source_file,
        batch_id,
        '{{ outcome }}' as outcome,
        count(*) as row_count
    from {{ relation }}
    where {{ condition }}
    group by source_name, source_file, batch_id
{%- endmacro %}
