{#- True when a row of `tracks` has each of the features that make its vector. -#}
{% macro has_every_feature() -%}
tracks.danceability is not null
        and tracks.energy is not null
        and tracks.loudness is not null
        and tracks.speechiness is not null
        and tracks.acousticness is not null
        and tracks.instrumentalness is not null
        and tracks.liveness is not null
        and tracks.valence is not null
        and tracks.tempo_bpm is not null
{%- endmacro %}
