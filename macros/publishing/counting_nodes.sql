{#- Ids of the models and seeds that listens are counted with: the log, the tail,
    the aggregates and all that these read, sorted. -#}
{% macro counting_nodes() %}
    {%- set found, reached = [], [] -%}
    {%- for id, node in graph.nodes.items()
        if node.resource_type == 'model'
        and node.fqn[1:3] in (['intermediate', 'listens'], ['intermediate', 'aggregates']) -%}
        {%- do reached.append(id) -%}
    {%- endfor -%}
    {#- The list grows while it is read. -#}
    {%- for id in reached if id in graph.nodes and id not in found -%}
        {%- do found.append(id) -%}
        {%- do reached.extend(graph.nodes[id].depends_on.nodes) -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{% endmacro %}
