{#- The models and seeds that this invocation builds relations for. -#}
{% macro selected_nodes() %}
    {{ return(
        graph.nodes.values()
        | selectattr('unique_id', 'in', selected_resources)
        | selectattr('resource_type', 'in', ['model', 'seed'])
        | rejectattr('config.materialized', 'equalto', 'ephemeral') | list
    ) }}
{% endmacro %}
