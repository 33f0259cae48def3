{#- Closes the rows that are `replaced`, opens the `incoming` ones, and forgets
    what closed more than keep_minutes ago, except what was served just before the
    batch layer last changed: what one rolls back to. `alter view` is the commit.
    `older=false` forgets all of them. A table behind a view, because the metastore
    holds no view text above 32,700 characters; it lists itself, so it is kept and
    collected like the rest. -#}
{% macro write_publication(replaced, incoming, older=true) %}
    {%- set view, table = target.schema ~ '.publication', run_schema() ~ '.publication' -%}
    {%- set clock, time = '%Y%m%dT%H%M%S%f', modules.datetime -%}
    {%- set now = time.datetime.now(modules.pytz.utc).strftime(clock) -%}
    {#- A clock that was set back: what is published later has the later name. -#}
    {%- set last = run_query('select max(since) from ' ~ view).rows[0][0] or '' -%}
    {%- if now <= last -%}
        {%- set last = time.datetime.strptime(last, clock) -%}
        {%- set now = (last + time.timedelta(microseconds=1)).strftime(clock) -%}
    {%- endif -%}
    {%- set kept = time.datetime.strptime(now, clock)
        - time.timedelta(minutes=var('keep_minutes')) -%}
    {% do execute_statement('create schema if not exists ' ~ run_schema()) %}
    {% do execute_statement(
        "create table " ~ table ~ " using parquet as
        with
        was as (
            select * except (until), if(
                until is null and (model = 'publication' or " ~ replaced ~ "),
                '" ~ now ~ "', until
            ) as until
            from " ~ view ~ "
        ),
        rows as (
            select * from was
            union all
            select model, build, upto, fingerprint, checksum,
                '" ~ now ~ "' as since, cast(null as string) as until
            from (" ~ incoming ~ " union all
                select 'publication', '" ~ run_schema() ~ "', 0L, '', '')
        ),
        logs as (
            select build, until, max_by(build, since) over () as newest
            from rows where model = 'int_listens_log'
        ),
        switch as (select max(until) as at from logs where build <> newest)
        select /*+ coalesce(1) */ rows.* from rows cross join switch
        where until is null"
        ~ (" or until > '" ~ kept.strftime(clock) ~ "' or since < at and until >= at"
            if older else "")
    ) %}
    {% do execute_statement('alter view ' ~ view ~ ' as select * from ' ~ table) %}
{% endmacro %}
