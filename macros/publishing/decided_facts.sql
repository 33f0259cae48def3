{#- The facts of a publishing run. `placed`: where each model is, what was
    published, over it an adopted batch, over that what this run builds. -#}
{% macro decided_facts() %}
    {%- set placed, mine, adopted = {}, [], [] -%}
    {%- set adopt = env_var('ENCORE_ADOPT', '') -%}
    {%- set speed = env_var('ENCORE_LANE', 'all') in ('minute', 'hourly') -%}
    {%- set code = fingerprint() -%}
    {%- do placed.update(placements(target.schema ~ ".publication where until is null")) -%}
    {%- set was = placed.get('int_listens_log', {}) -%}
    {%- set tail_was = placed.get('int_listens_tail', {}) -%}
    {%- if adopt -%}
        {%- set receipt = placements(adopt ~ '.receipt') -%}
        {%- do adopted.extend(receipt) -%}
        {%- do placed.update(receipt) -%}
    {%- endif -%}

    {%- set selected = graph.nodes.values()
        | selectattr('unique_id', 'in', selected_resources)
        | selectattr('resource_type', 'in', ['model', 'seed'])
        | rejectattr('config.materialized', 'equalto', 'ephemeral') | list -%}
    {%- set names = selected | map(attribute='name') | list -%}
    {%- set counts_all = 'int_listens_log' in names -%}
    {%- set log = {'upto': 0} if counts_all else placed.get('int_listens_log', {}) -%}
    {%- do refuse_mixing(selected, placed, was, code, counts_all, speed) -%}
    {%- set arrived = (
        (env_var('ENCORE_UPTO', '') or newest_batch()) | int
        if counts_all or speed else 0
    ) -%}
    {%- set batch = arrived if counts_all else log.upto -%}
    {#- Up to where the tail holds every batch above the watermark. -#}
    {%- set covered = [
        batch, tail_was.get('upto', 0) if tail_was.get('fingerprint') == code else 0
    ] | max -%}
    {%- set upto = [batch, arrived if speed else (0 if counts_all else covered)] | max -%}
    {%- for node in selected -%}
        {%- do mine.append(node.name) -%}
        {%- do placed.update({node.name: {
            'build': target.schema ~ '_tail_' ~ code
                if node.config.materialized == 'arrivals' else run_schema(),
            'upto': upto,
            'fingerprint': code if counts_all else log.fingerprint,
            'checksum': checksum(node),
        }}) -%}
    {%- endfor -%}
    {%- set hourly = placed.get('agg_listener_tracks_hourly', {}) -%}
    {%- set same_code = hourly.get('fingerprint') == (code if counts_all else log.fingerprint) -%}
    {{ return({
        'placed': placed, 'mine': mine, 'adopt': adopt, 'adopted': adopted,
        'speed': speed, 'fingerprint': code, 'build': run_schema(),
        'batch': batch, 'upto': upto,
        'hourly': [batch, hourly.get('upto', 0) if same_code else 0] | max,
        'tail_from': covered if speed else upto,
        'old_log': was if was.get('fingerprint') == code and not flags.FULL_REFRESH else none,
    }) }}
{% endmacro %}
