{#- Stops a build of single models that would make what speed runs have published older:
    what these put in place as text is published as the last batch left it. -#}
{% macro refuse_falling_back(selected, placed) %}
    {%- set newest = placed.values() | map(attribute='upto') | max -%}
    {%- for node in selected if 'minute' in node.tags -%}
        {%- for parent in graph.nodes.values()
            if parent.unique_id in node.depends_on.nodes and 'minute' in parent.tags
            and parent.config.materialized in ('published_view', 'serving')
            and parent not in selected
            and placed.get(parent.name, {'upto': newest}).upto < newest -%}
            {% do exceptions.raise_compiler_error(
                node.name ~ ' would go back behind batch ' ~ newest ~ ', which is '
                ~ 'published: it reads ' ~ parent.name ~ ', built up to batch '
                ~ placed[parent.name].upto ~ '. Build everything (`encore run batch`).'
            ) %}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
