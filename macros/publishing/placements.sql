{#- Model to where it is and what it holds: {build, upto,
    fingerprint, checksum}. -#}
{% macro placements(rows) %}
    {%- set placed = {} -%}
    {%- for row in run_query(
        'select model, build, upto, fingerprint, checksum from ' ~ rows
    ).rows -%}
        {%- do placed.update({row[0]: {
            'build': row[1], 'upto': row[2] | int,
            'fingerprint': row[3], 'checksum': row[4],
        }}) -%}
    {%- endfor -%}
    {{ return(placed) }}
{% endmacro %}
