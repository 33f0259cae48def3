{#- Prints as JSON what differs between two versions of a model, for `encore diff`:
    dbt run-operation diff --args '{ours: dev_ana.m, theirs: encore.m, key: [id]}'.
    `lists` are, by mode, the recommendations here and there. -#}
{% macro diff(ours, theirs, key, lists={}, samples=5) %}
    {%- set types = {'here': {}, 'there': {}} -%}
    {%- for where, relation in (('here', ours), ('there', theirs)) -%}
        {%- for row in run_query('describe table ' ~ relation).rows
            if row[0] and not row[0].startswith('#') -%}
            {%- do types[where].update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in key if types.here.get(column) != types.there.get(column) -%}
        {% do exceptions.raise_compiler_error(
            'the key has changed: ' ~ column ~ ' is ' ~ types.here.get(column, 'not there')
            ~ ' here and ' ~ types.there.get(column, 'not there') ~ ' in ' ~ theirs
        ) %}
    {%- endfor -%}
    {%- set columns, found = [], {'types': types, 'lists': {}} -%}
    {%- for column, type in types.here.items()
        if types.there.get(column) == type and column not in key and 'map<' not in type -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    {%- set counted = run_query(differing_rows(ours, theirs, key, columns)) -%}
    {%- set counts = counted.rows[0].dict() -%}
    {%- do found.update({'counts': counts}) -%}
    {%- do found.update(differing_samples(ours, theirs, key, counts, samples)) -%}
    {%- for mode, relations in lists.items() -%}
        {%- do found.lists.update(
            {mode: run_query(differing_lists(*relations)).rows[0].dict()}
        ) -%}
    {%- endfor -%}
    {{ print('diff: ' ~ tojson(found)) }}
{% endmacro %}
