{#- The batches that this run adds to the tail. Spark skips the folders of other
    batches by `chunk`. -#}
{% macro newly_arrived() -%}
    {%- set facts = run_facts() -%}
batch_id > {{ facts.tail_from }} and batch_id <= {{ facts.upto }}
        and chunk >= {{ facts.tail_from // 1000 }}
{%- endmacro %}
