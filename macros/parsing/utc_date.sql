{#- The UTC day of a timestamp. A cast to date would take the session's zone. -#}
{% macro utc_date(column) -%}
date_from_unix_date(cast(floor(unix_seconds({{ column }}) / 86400) as int))
{%- endmacro %}
