{#- The id of a track known only by artist and title: both lower case, runs of
    white space made one blank, trimmed, joined by U+001F, hashed. Null when
    either is missing. -#}
{% macro name_track_id(artist, title) -%}
'name:' || sha2(
            trim(regexp_replace(lower({{ artist }}), '\\s+', ' '))
            || chr(31)
            || trim(regexp_replace(lower({{ title }}), '\\s+', ' ')),
            256
        )
{%- endmacro %}
