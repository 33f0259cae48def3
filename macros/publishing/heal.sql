{#- Points every public view at what the publication says: after a commit, and
    whatever a killed run left undone. `alter view` is one update of the
    metastore, never a moment without the view. -#}
{% macro heal() %}
    {%- set schema, views, current = target.schema, {}, [] -%}
    {%- for row in run_query("show table extended in " ~ schema ~ " like '*'").rows
        if 'Type: VIEW' in row[3] -%}
        {%- do views.update({row[1]: row[3]}) -%}
    {%- endfor -%}
    {%- for row in run_query(
        "select model, build, until is null from " ~ schema ~ ".publication"
        ~ " where model <> 'publication' order by until is null"
    ).rows -%}
        {%- set model, text = row[0], views.get(row[0]) -%}
        {%- set select = 'select * from ' ~ row[1] ~ '.' ~ model -%}
        {%- if row[2] -%}
            {%- do current.append(model) -%}
            {%- if select ~ '\n' not in (text or '') -%}
                {% do execute_statement(
                    ('alter' if text else 'create') ~ ' view ' ~ schema ~ '.'
                    ~ model ~ ' as ' ~ select
                ) %}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {#- Models that left the project: published once, and no longer. -#}
    {%- for row in run_query(
        'select distinct model from ' ~ schema ~ '.publication'
    ).rows if row[0] not in current and row[0] in views and row[0] != 'publication' -%}
        {% do execute_statement('drop view if exists ' ~ schema ~ '.' ~ row[0]) %}
    {%- endfor -%}
{% endmacro %}
