{#- Stops a run that looks back, and would read what was heard after the moment: every
    model between the log and what is selected has to be selected too. Models with the
    tag `as_published` are about what arrived. -#}
{% macro refuse_leaks(selected, sights) %}
    {%- set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') -%}
    {%- set models = models | list -%}
    {%- set mine = selected | map(attribute='unique_id') | list -%}
    {%- set reached = models | selectattr('name', 'in', sights)
        | map(attribute='unique_id') | list -%}
    {%- set roots = reached | list -%}
    {#- The list grows while it is read. -#}
    {%- for id in reached -%}
        {%- for node in models if id in node.depends_on.nodes
            and node.unique_id not in reached and 'as_published' not in node.tags -%}
            {%- do reached.append(node.unique_id) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for node in selected -%}
        {%- if 'as_published' in node.tags -%}
            {% do exceptions.raise_compiler_error(
                node.name ~ ' is about what arrived, and is read as it is published: '
                ~ 'exclude it (`--exclude tag:as_published`).'
            ) %}
        {%- endif -%}
        {%- set parents = node.depends_on.nodes | list -%}
        {%- for id in parents if id in reached and id not in roots + mine -%}
            {%- set parent = graph.nodes[id] -%}
            {%- if parent.config.materialized == 'ephemeral' -%}
                {%- do parents.extend(parent.depends_on.nodes) -%}
            {%- else -%}
                {% do exceptions.raise_compiler_error(
                    node.name ~ ' reads ' ~ parent.name ~ ', which is published with all '
                    ~ 'listens: select it too (`-s int_listens_log+,+' ~ node.name
                    ~ ' --exclude tag:as_published`).'
                ) %}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
