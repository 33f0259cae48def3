{#- The facts of a publishing run. `placed`: where each model is, what was
    published, over it an adopted batch, over that what this run builds. -#}
{% macro decided_facts() %}
    {%- set adopt, code = env_var('ENCORE_ADOPT', ''), fingerprint() -%}
    {%- set speed = env_var('ENCORE_LANE', 'all') in ('minute', 'hourly') -%}
    {%- set placed = placements(target.schema ~ '.publication where until is null') -%}
    {%- set was = placed.int_listens_log or {} -%}
    {%- set adopted = placements(adopt ~ '.receipt') if adopt else {} -%}
    {%- do placed.update(adopted) -%}
    {%- set selected = selected_nodes() -%}
    {%- set counts_all = 'int_listens_log' in selected | map(attribute='name') -%}
    {%- do refuse_mixing(selected, placed, was, code, counts_all, speed) -%}

    {%- set arrived = 0 -%}
    {%- if counts_all or speed -%}
        {%- set arrived = (env_var('ENCORE_UPTO', '') or newest_batch()) | int -%}
    {%- endif -%}
    {%- set batch = arrived if counts_all else placed.int_listens_log.upto -%}
    {#- Up to where the tail holds every batch above the watermark; after a rollback
        that is more than what is published, and others may be reading it. -#}
    {%- set tails = [] if counts_all else run_query(
        'select upto from ' ~ target.schema ~ ".publication"
        ~ " where model = 'int_listens_tail' and fingerprint = '" ~ code ~ "'"
    ).columns[0].values() | map('int') | list -%}
    {%- set covered = ([batch] + tails) | max -%}
    {%- set upto = [covered, arrived] | max -%}
    {%- set counted_by = code if counts_all else placed.int_listens_log.fingerprint -%}
    {%- set inline = inlined_models(selected) if speed else [] -%}
    {%- set mine = selected | rejectattr('name', 'in', inline) | list -%}
    {%- for node in mine -%}
        {%- do placed.update({node.name: {
            'build': target.schema ~ '_tail_' ~ code
                if node.config.materialized == 'arrivals' else run_schema(),
            'upto': upto, 'fingerprint': counted_by, 'checksum': checksum(node),
        }}) -%}
    {%- endfor -%}
    {%- set hourly = placed.agg_listener_tracks_hourly or {} -%}
    {{ return({
        'placed': placed, 'mine': mine | map(attribute='name') | list,
        'inline': inline, 'inlined': {},
        'adopt': adopt, 'adopted': adopted | list, 'speed': speed,
        'build': run_schema(), 'batch': batch, 'upto': upto,
        'published_upto': was.upto or 0,
        'hourly': [batch, hourly.upto if hourly.fingerprint == counted_by else 0] | max,
        'tail_from': covered if speed else upto,
        'old_log': was if was.fingerprint == code and not flags.FULL_REFRESH else none,
    }) }}
{% endmacro %}
