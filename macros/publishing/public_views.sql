{#- Public view to the build that it reads. -#}
{% macro public_views() %}
    {%- set views = {} -%}
    {%- for row in run_query(
        "show table extended in " ~ target.schema ~ " like '*'"
    ).rows if 'Type: VIEW' in row[3] -%}
        {%- set found = modules.re.search('View Text: select \\* from ([^.\\s]+)', row[3]) -%}
        {%- do views.update({row[1]: found.group(1) if found else ''}) -%}
    {%- endfor -%}
    {{ return(views) }}
{% endmacro %}
