{#- The facts of a run that looks back to ENCORE_AS_OF: it reads the published log up
    to that moment, through views of its own, and rebuilds what is selected. It changes
    nothing that others read; its receipt says where each model is. -#}
{% macro as_of_facts() %}
    {%- set moment, build = as_of_moment(), run_schema() -%}
    {%- set placed = placements(target.schema ~ '.publication where until is null') -%}
    {%- set log, selected = placed.get('int_listens_log', {}), selected_nodes() -%}
    {%- set sights = ('int_listens_log', 'int_listens_unioned') -%}
    {%- do refuse_mixing(selected, placed, log, fingerprint(), false, false) -%}
    {%- do refuse_leaks(selected, sights) -%}
    {% do execute_statement('create schema if not exists ' ~ build) %}
    {%- for model in sights -%}
        {% do execute_statement(
            'create view ' ~ build ~ '.' ~ model ~ ' as select * from '
            ~ placed[model].build ~ '.' ~ model
            ~ " where listened_at <= timestamp '" ~ moment ~ "'"
        ) %}
        {%- do placed[model].update({'build': build}) -%}
    {%- endfor -%}
    {%- for node in selected -%}
        {%- do placed.update({node.name: {
            'build': build, 'upto': log.upto, 'fingerprint': log.fingerprint,
            'checksum': checksum(node),
        }}) -%}
    {%- endfor -%}
    {%- set rows = [] -%}
    {%- for model, place in placed.items() -%}
        {%- do rows.append("('" ~ model ~ "', '" ~ place.build ~ "', " ~ place.upto ~ "L)") -%}
    {%- endfor -%}
    {% do execute_statement(
        'create view ' ~ build ~ '.receipt as select * from values '
        ~ rows | join(', ') ~ ' as t (model, build, upto)'
    ) %}
    {{ return({
        'placed': placed, 'as_of': moment, 'old_log': none,
        'tail_holds': [], 'tail_lacks': [],
        'batch': log.upto, 'hourly': log.upto, 'upto': log.upto,
    }) }}
{% endmacro %}
