{#- The place of each row of a relation in its file, with what became of it. -#}
{% macro row_outcomes(relation, outcome, condition='true') -%}
select
        source_name,
        source_file,
        batch_id,
        '{{ outcome }}' as outcome
    from {{ relation }}
    where {{ condition }}
{%- endmacro %}
