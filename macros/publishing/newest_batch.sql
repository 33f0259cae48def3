{#- Number of the last landed batch over all sources; 0 when nothing landed. -#}
{% macro newest_batch() %}
    {%- set newest = [0] -%}
    {%- for source in landing_sources() -%}
        {%- set query = 'select max(batch_id) from ' ~ source.schema ~ '.' ~ source.identifier -%}
        {%- do newest.append(run_query(query).rows[0][0] or 0) -%}
    {%- endfor -%}
    {{ return(newest | max) }}
{% endmacro %}
