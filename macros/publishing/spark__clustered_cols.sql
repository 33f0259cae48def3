{#- Buckets of a table, sorted too where the model says `sorted_by`. -#}
{% macro spark__clustered_cols(label, required=false) %}
    {%- if config.get('clustered_by') -%}
        {{ label }} ({{ config.get('clustered_by') }})
        {%- if config.get('sorted_by') %}
        sorted by ({{ config.get('sorted_by') | join(', ') }})
        {%- endif %} into {{ config.get('buckets') }} buckets
    {%- endif -%}
{% endmacro %}
