{#- The relation that a node builds in this invocation: its place among the facts;
    under a target that does not publish, the relation itself. -#}
{% macro candidate(type) %}
    {%- set place = run_facts().placed.get(this.identifier) -%}
    {{ return(api.Relation.create(
        schema=place.build if place else this.schema,
        identifier=this.identifier,
        type=type,
    )) }}
{% endmacro %}
