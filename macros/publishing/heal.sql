{#- Points every public view at what the publication says: after a commit, and
    whatever a killed run left undone. `alter view` is one update of the
    metastore, never a moment without the view. Minute runs leave the views of
    intermediate models on the build before, which their being there keeps. -#}
{% macro heal() %}
    {%- set schema, views, current = target.schema, public_views(), [] -%}
    {%- set marts = graph.nodes.values() | selectattr('access', 'equalto', 'public')
        | map(attribute='name') | list -%}
    {%- set minute = env_var('ENCORE_LANE', 'all') == 'minute'
        and not env_var('ENCORE_ADOPT', '') -%}
    {%- for model, build in run_query(
        'select model, build from ' ~ schema ~ '.publication where until is null'
    ).rows if model != 'publication' -%}
        {%- do current.append(model) -%}
        {%- set was = views.get(model) -%}
        {%- if was is none or was != build and (model in marts or not minute) -%}
            {% do execute_statement(
                ('create' if was is none else 'alter') ~ ' view ' ~ schema ~ '.'
                ~ model ~ ' as select * from ' ~ build ~ '.' ~ model
            ) %}
        {%- endif -%}
    {%- endfor -%}
    {#- Models that left the project: published once, and no longer. -#}
    {%- for row in run_query(
        'select distinct model from ' ~ schema ~ '.publication'
    ).rows if row[0] in views and row[0] not in current + ['publication'] -%}
        {% do execute_statement('drop view if exists ' ~ schema ~ '.' ~ row[0]) %}
    {%- endfor -%}
{% endmacro %}
