{#- Hash of all that decides what a listen is and how it is counted. Log, tail and
    aggregates that were made under another one do not mix. -#}
{% macro fingerprint() %}
    {%- set parts = [] -%}
    {%- for id in counting_nodes() -%}
        {%- do parts.append(checksum(graph.nodes[id])) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join)[:12]) }}
{% endmacro %}
