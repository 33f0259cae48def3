{#- Publishes again what was published at a moment that is kept:
    dbt run-operation rollback --args '{to: 20261124T120000000000}'. The next
    speed run adds what arrived since. -#}
{% macro rollback(to) %}
    {%- set publication = target.schema ~ '.publication' -%}
    {% do lock() %}
    {%- if not run_query(
        "select 1 from " ~ publication ~ " where model = 'publication'"
        ~ " and since = '" ~ to ~ "'"
    ) | length -%}
        {% do unlock('Release ' ~ to ~ ' is not kept: see `encore releases`.') %}
    {%- endif -%}
    {% do write_publication(
        'true',
        "select model, build, upto, fingerprint, checksum from " ~ publication
        ~ " where model <> 'publication' and since <= '" ~ to
        ~ "' and (until is null or until > '" ~ to ~ "')"
    ) %}
    {% do heal() %}
    {% do unlock() %}
{% endmacro %}
