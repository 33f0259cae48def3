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
    {%- if speed -%}
        {%- set tail = tail_ranges(code, batch, arrived) -%}
    {%- else -%}
        {#- What is published, and no more: nothing is read here that arrived since. -#}
        {%- set kept = {} if counts_all else placed.get('int_listens_tail', {}) -%}
        {%- set seen = kept.upto if kept.fingerprint == code else batch -%}
        {%- set tail = {'holds': [], 'lacks': [], 'upto': [batch, seen] | max} -%}
    {%- endif -%}
    {%- set upto = tail.upto -%}
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
        'tail_holds': tail.holds, 'tail_lacks': tail.lacks,
        'old_log': was if was.fingerprint == code and not flags.FULL_REFRESH else none,
    }) }}
{% endmacro %}
