{% macro broken_rules(not_null, ranges, conditions) %}
    {%- set broken = [] -%}
    {%- for column in not_null %}{% do broken.append(column ~ ' is null') %}{% endfor -%}
    {%- for column, bounds in ranges.items() -%}
        {%- do broken.append(column ~ ' < ' ~ bounds[0]) -%}
        {%- if bounds | length > 1 %}{% do broken.append(column ~ ' > ' ~ bounds[1]) %}{% endif -%}
    {%- endfor -%}
    {%- for condition in conditions -%}
        {#- A condition that is null says nothing of its row, which is no pass. -#}
        {%- do broken.append('coalesce(not (' ~ condition | trim ~ '), true)') -%}
    {%- endfor -%}
    {%- set named = [] -%}
    {%- for rule in broken -%}
        {%- set name = rule | replace("\\", "\\\\") | replace("'", "\\'") -%}
        {%- do named.append("case when " ~ rule ~ " then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    concat_ws('; ', {{ named | join(', ') }})
{%- endmacro %}
