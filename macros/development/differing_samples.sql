{#- Some keys of each kind of difference: `only_here`, `only_there`, and `changed`, by
    column with the value there and here; all as JSON. `counts` says which columns. -#}
{% macro differing_samples(ours, theirs, key, counts, samples) %}
    {%- set totals = ['rows_here', 'rows_there', 'only_here', 'only_there', 'rows_changed'] -%}
    {%- set found = {'only_here': [], 'only_there': [], 'changed': {}} -%}
    {%- set keys, nulls = [], "map('ignoreNullFields', 'false')" -%}
    {%- for column in key -%}
        {%- do keys.append('{side}.`' ~ column ~ '`') -%}
    {%- endfor -%}
    {%- for side, other in (('here', 'there'), ('there', 'here')) -%}
        {%- for row in run_query(
            paired_rows(ours, theirs, key) ~ ' select to_json(struct('
            ~ (keys | join(', ')).replace('{side}', side) ~ '), ' ~ nulls
            ~ ') from paired where '
            ~ other ~ ' is null order by 1 limit ' ~ samples
        ).rows -%}
            {%- do found['only_' ~ side].append(row[0]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in counts if column not in totals and counts[column] -%}
        {%- set rows = [] -%}
        {%- for row in run_query(
            paired_rows(ours, theirs, key) ~ ' select to_json(struct('
            ~ (keys | join(', ')).replace('{side}', 'here') ~ '), ' ~ nulls ~ '), '
            ~ 'to_json(struct(there.`' ~ column ~ '` as value)), '
            ~ 'to_json(struct(here.`' ~ column ~ '` as value)) from paired where '
            ~ differs([column]) ~ ' order by 1 limit ' ~ samples
        ).rows -%}
            {%- do rows.append(row.values() | list) -%}
        {%- endfor -%}
        {%- do found.changed.update({column: rows}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
