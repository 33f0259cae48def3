{#- The batches that this run adds to the tail. Spark skips the folders of other
    batches by `chunk`. -#}
{% macro newly_arrived() -%}
    {%- set lacks = run_facts().tail_lacks -%}
{{ in_batches(lacks) ~ (' and chunk >= ' ~ lacks[0][0] // 1000 if lacks else '') }}
{%- endmacro %}
