{#- Publishes an unpublished build as it is, where nothing has arrived above it:
    dbt run-operation adopt --args '{build: encore_build_batch_…}'. Where more has
    arrived, a speed run adopts it (ENCORE_ADOPT) with fresh speed layers. -#}
{% macro adopt(build) %}
    {%- set receipt = placements(build ~ '.receipt') -%}
    {%- set placed = placements(target.schema ~ '.publication where until is null') -%}
    {%- do placed.update(receipt) -%}
    {%- set upto = receipt.values() | map(attribute='upto') | max -%}
    {% do lock() %}
    {% do commit(
        {
            'placed': placed, 'mine': [], 'adopt': build,
            'adopted': receipt | list, 'upto': upto, 'speed': false,
        },
        "select * from " ~ build ~ ".receipt where false"
    ) %}
    {% do heal() %}
    {% do collect_garbage() %}
    {% do unlock() %}
{% endmacro %}
