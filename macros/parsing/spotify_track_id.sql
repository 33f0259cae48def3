{#- The id in a track's address at Spotify (`spotify:track:…` or its page), 22 letters
    and digits; null for a local file and for what is no track. -#}
{% macro spotify_track_id(column) -%}
nullif(
            regexp_extract(
                {{ cleaned(column) }},
                '^(spotify:track:|https?://open[.]spotify[.]com/track/)([0-9A-Za-z]{22})',
                2
            ),
            ''
        )
{%- endmacro %}
