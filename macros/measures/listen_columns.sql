{#- The columns of an accepted listen. -#}
{% macro listen_columns() -%}
listener_id,
        track_id,
        source_name,
        source_file,
        ms_played,
        listened_at,
        batch_id
{%- endmacro %}
