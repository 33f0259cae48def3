{#- ENCORE_AS_OF as it is written, a moment in ISO 8601 and UTC; none where it is not set. -#}
{% macro as_of_moment() %}
    {%- set moment = env_var('ENCORE_AS_OF', '') -%}
    {%- if not moment -%}{{ return(none) }}{%- endif -%}
    {%- set form = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?Z$' -%}
    {%- if not modules.re.match(form, moment)
        or not run_query("select try_cast('" ~ moment ~ "' as timestamp)").rows[0][0] -%}
        {% do exceptions.raise_compiler_error(
            'ENCORE_AS_OF=' ~ moment ~ ' is no moment in UTC: write it like '
            ~ '2026-01-31T00:00:00Z, or unset it.'
        ) %}
    {%- endif -%}
    {%- if target.name != 'prod' or env_var('ENCORE_LANE', '') -%}
        {% do exceptions.raise_compiler_error(
            'ENCORE_AS_OF looks back from what is published, beside it: it goes with no '
            ~ 'other target and no layer. Unset it.'
        ) %}
    {%- endif -%}
    {{ return(moment) }}
{% endmacro %}
