{#- The months of the new listens as literals: partitions are pruned while the
    query is planned. Where nothing runs, no month. -#}
{% macro months_of_arrivals(relation) %}
    {%- set facts, months = run_facts(), [] -%}
    {%- if execute and facts.tail_lacks and not relation.is_cte -%}
        {%- for row in run_query(
            'select distinct ' ~ listened_month('listened_at') ~ ' from ' ~ relation
            ~ ' where rejection_reason is null and ' ~ newly_arrived()
        ).rows -%}
            {%- do months.append("'" ~ row[0] ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(months | join(', ') or "''") }}
{% endmacro %}
