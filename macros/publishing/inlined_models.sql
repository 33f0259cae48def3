{#- Of the models that a speed run selects, those that only others of them read: no mart,
    no table, nothing that a program asks. They keep the build that the batch gave them. -#}
{% macro inlined_models(selected) %}
    {%- set read = [] -%}
    {%- for node in selected -%}
        {%- do read.extend(node.depends_on.nodes) -%}
    {%- endfor -%}
    {{ return(
        selected
        | selectattr('unique_id', 'in', read)
        | selectattr('config.materialized', 'in', ['published_view', 'serving'])
        | rejectattr('access', 'equalto', 'public')
        | map(attribute='name') | list
    ) }}
{% endmacro %}
