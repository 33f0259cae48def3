{#- Gives up every release but the published one, whatever it is kept for, and drops
    what no lane's build is named by any more: dbt run-operation keep_current. -#}
{% macro keep_current() %}
    {% do lock() %}
    {% do write_publication(
        'false',
        "select model, build, upto, fingerprint, checksum from " ~ target.schema
        ~ ".publication where false",
        older=false
    ) %}
    {% do heal() %}
    {%- for lane in ['all', 'hourly', 'minute', 'batch'] -%}
        {% do collect_garbage(lane) %}
    {%- endfor -%}
    {% do unlock() %}
{% endmacro %}
