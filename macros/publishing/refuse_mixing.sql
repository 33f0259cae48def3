{#- Stops a run whose result would mix what was counted in two ways, or would go
    back behind what is published. -#}
{% macro refuse_mixing(selected, placed, was, code, counts_all, speed) %}
    {%- set log = placed.get('int_listens_log', {}) -%}
    {%- if not counts_all and not log.get('build') -%}
        {% do exceptions.raise_compiler_error(
            'Nothing is published yet: build everything first (`encore run batch`).'
        ) %}
    {%- endif -%}
    {%- set edited = not counts_all and log.fingerprint != code -%}
    {%- for node in selected if speed and not edited
        and placed.get(node.name, {}).get('checksum') != checksum(node) -%}
        {% do exceptions.raise_compiler_error(
            node.name ~ ' was edited since it was published, and a speed run tests '
            ~ 'nothing: `encore run batch` first.'
        ) %}
    {%- endfor -%}
    {%- for node in selected if edited
        and (speed or node.unique_id in counting_nodes()) -%}
        {% do exceptions.raise_compiler_error(
            'SQL, seeds or vars below the aggregates changed since the published '
            ~ 'log (' ~ log.fingerprint ~ ', now ' ~ code
            ~ '): build everything first (`encore run batch`).'
        ) %}
    {%- endfor -%}
    {%- if not counts_all and not speed -%}
        {%- do refuse_falling_back(selected, placed) -%}
    {%- endif -%}
    {%- if not counts_all and log.upto < was.get('upto', 0) -%}
        {% do exceptions.raise_compiler_error(
            'The watermark never moves back: batch ' ~ was.upto ~ ' is published, '
            ~ 'the unpublished build ends at ' ~ log.upto ~ '. Build it again.'
        ) %}
    {%- endif -%}
    {%- for node in selected if node.config.materialized not in
        ('published_table', 'published_view', 'serving', 'arrivals', 'seed') -%}
        {% do exceptions.raise_compiler_error(
            node.name ~ ' would write to the public schema: its materialization is '
            ~ node.config.materialized ~ ', make it published_table or published_view'
        ) %}
    {%- endfor -%}
{% endmacro %}
