{#- Drops what no kept publication names: build schemas of this lane, with
    whatever a killed server left in them, tails of other fingerprints, and
    batches of the tail at or below the oldest kept watermark. -#}
{% macro collect_garbage(lane=none) %}
    {%- set lane = lane or env_var('ENCORE_LANE', 'all') -%}
    {%- set publication = target.schema ~ '.publication' -%}
    {%- set kept = run_query(
        'select distinct build from ' ~ publication
    ).columns[0].values() | list + public_views().values() | list -%}
    {%- set mine = [run_schema(), run_facts().placed.get('int_listens_tail', {}).build] -%}
    {#- A batch makes the tail of a new fingerprint before it is published: speed
        runs beside it leave tails alone. -#}
    {%- for pattern in ['_build_' ~ lane ~ '_*']
        + (['_tail_*'] if lane in ('all', 'batch') else []) -%}
        {%- for row in run_query(
            "show schemas like '" ~ target.schema ~ pattern ~ "'"
        ).rows if row[0] not in kept and row[0] not in mine -%}
            {% do execute_statement('drop schema if exists ' ~ row[0] ~ ' cascade') %}
        {%- endfor -%}
    {%- endfor -%}
    {#- The oldest watermark of each kept tail. -#}
    {%- for row in run_query(
        "select tail.build, min(log.upto) from " ~ publication ~ " as tail"
        ~ " inner join " ~ publication ~ " as log"
        ~ " on tail.fingerprint = log.fingerprint"
        ~ " where tail.model = 'int_listens_tail' and log.model = 'int_listens_log'"
        ~ " group by tail.build"
    ).rows -%}
        {%- set dead = [] -%}
        {%- for partition in run_query(
            'show partitions ' ~ row[0] ~ '.int_listens_tail'
        ).columns[0].values() if partition.split('=')[1] | int <= row[1] -%}
            {%- do dead.append('partition (' ~ partition ~ ')') -%}
        {%- endfor -%}
        {%- if dead -%}
            {% do execute_statement(
                'alter table ' ~ row[0] ~ '.int_listens_tail drop if exists '
                ~ dead | join(', ')
            ) %}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
