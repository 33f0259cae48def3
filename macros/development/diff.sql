{#- Prints as JSON what differs between two versions of a model, for `encore diff`:
    dbt run-operation diff --args '{ours: dev_ana.m, theirs: encore.m, key: [id]}'.
    `lists` are two relations of recommendations, or empty. -#}
{% macro diff(ours, theirs, key, lists=[], samples=5) %}
    {%- set types = {'here': {}, 'there': {}} -%}
    {%- for where, relation in (('here', ours), ('there', theirs)) -%}
        {%- for row in run_query('describe table ' ~ relation).rows
            if row[0] and not row[0].startswith('#') -%}
            {%- do types[where].update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set columns, found = [], {'types': types, 'only_here': [], 'only_there': []} -%}
    {%- for column in types.here if column in types.there and column not in key -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    {%- set counted = run_query(differing_rows(ours, theirs, key, columns)) -%}
    {%- set counts = counted.rows[0].dict() -%}
    {%- do found.update({'counts': counts, 'changed': {}}) -%}
    {%- set keys = [] -%}
    {%- for column in key -%}
        {%- do keys.append('{side}.`' ~ column ~ '`') -%}
    {%- endfor -%}
    {%- for side, other in (('here', 'there'), ('there', 'here')) -%}
        {%- for row in run_query(
            paired_rows(ours, theirs, key) ~ ' select to_json(struct('
            ~ (keys | join(', ')).replace('{side}', side) ~ ')) from paired where '
            ~ other ~ ' is null order by 1 limit ' ~ samples
        ).rows -%}
            {%- do found['only_' ~ side].append(row[0]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in columns if counts[column] -%}
        {%- set rows = [] -%}
        {%- for row in run_query(
            paired_rows(ours, theirs, key) ~ ' select to_json(struct('
            ~ (keys | join(', ')).replace('{side}', 'here') ~ ')), '
            ~ 'to_json(struct(there.`' ~ column ~ '` as value)), '
            ~ 'to_json(struct(here.`' ~ column ~ '` as value)) from paired where '
            ~ differs([column]) ~ ' order by 1 limit ' ~ samples
        ).rows -%}
            {%- do rows.append(row.values() | list) -%}
        {%- endfor -%}
        {%- do found.changed.update({column: rows}) -%}
    {%- endfor -%}
    {%- if lists -%}
        {%- do found.update(
            {'lists': run_query(differing_lists(*lists)).rows[0].dict()}
        ) -%}
    {%- endif -%}
    {{ print('diff: ' ~ tojson(found)) }}
{% endmacro %}
