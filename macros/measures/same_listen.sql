{#- Whether two rows are the same listen. A known and an unknown ms_played are two
    listens; two unknown ones are equal. -#}
{% macro same_listen(one, other) -%}
{{ one }}.listener_id = {{ other }}.listener_id
            and {{ one }}.track_id = {{ other }}.track_id
            and {{ one }}.listened_at = {{ other }}.listened_at
            and {{ one }}.ms_played <=> {{ other }}.ms_played
{%- endmacro %}
