{#- on-run-end: publishes what this `dbt build` made, if nothing in it went
    wrong; else the publication stays. ENCORE_PUBLISH=no leaves a receipt, by which
    a later run adopts the build. -#}
{% macro end_run(results) %}
    {%- set run = graph.get('encore', {}) if execute else {} -%}
    {%- if not run.get('build') -%}{{ return('') }}{%- endif -%}
    {%- set good = results
        | selectattr('status', 'in', ['success', 'pass', 'warn', 'no-op'])
        | map(attribute='node.name') | list -%}
    {%- set green = good | length == results | length
        and not run.mine | reject('in', good) | list
        and run.mine -%}
    {%- set rows = [] -%}
    {%- for model in run.mine -%}
        {%- set place = run.placed[model] -%}
        {%- do rows.append(
            "('" ~ model ~ "', '" ~ place.build ~ "', " ~ place.upto ~ "L, '"
            ~ place.fingerprint ~ "', '" ~ place.checksum ~ "')"
        ) -%}
    {%- endfor -%}
    {%- set candidates = 'select * from values ' ~ rows | join(', ')
        ~ ' as t (model, build, upto, fingerprint, checksum)' -%}
    {%- set publish = env_var('ENCORE_PUBLISH', 'yes') != 'no' -%}
    {%- if green and not publish -%}
        {% do execute_statement(
            'create view ' ~ run.build ~ '.receipt as ' ~ candidates
        ) %}
    {%- endif -%}
    {% do lock() %}
    {%- if green and publish -%}{% do commit(run, candidates) %}{%- endif -%}
    {% do heal() %}
    {% do collect_garbage() %}
    {% do unlock() %}
    {{ log(
        'publish: ' ~ (
            ('' if publish else 'a receipt for ') ~ rows | length ~ ' models of '
            ~ run.build if green else 'nothing, not all was green'
        ), info=true
    ) }}
{% endmacro %}
