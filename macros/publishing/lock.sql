{#- Holds the one lock under which the publication changes, in the metastore, so
    that every dbt respects it: creating a schema has exactly one winner, and who
    loses fails. A lock that is `lock_seconds` away from now was left by a killed run,
    perhaps before the clock was set back. -#}
{% macro lock() %}
    {%- set clock = '%Y%m%dT%H%M%S' -%}
    {%- set now = modules.datetime.datetime.now(modules.pytz.utc) -%}
    {%- set patience = modules.datetime.timedelta(seconds=var('lock_seconds')) -%}
    {%- set stale = (now - patience).strftime(clock) -%}
    {%- set ahead = (now + patience).strftime(clock) -%}
    {%- set name = target.schema ~ '_lock' -%}
    {%- for attempt in range(600) -%}
        {%- if not run_query("show schemas like '" ~ name ~ "'") | length -%}
            {%- break -%}
        {%- endif -%}
        {%- set comment = namespace(text='') -%}
        {%- for row in run_query('describe schema ' ~ name).rows
            if row[0] == 'Comment' -%}
            {%- set comment.text = row[1] -%}
        {%- endfor -%}
        {%- set since = comment.text.split(' ') | last -%}
        {%- if since < stale or since > ahead -%}{% do unlock() %}{%- endif -%}
    {%- endfor -%}
    {% do execute_statement(
        "create schema " ~ name ~ " comment '" ~ invocation_id ~ ' '
        ~ now.strftime(clock) ~ "'"
    ) %}
{% endmacro %}
