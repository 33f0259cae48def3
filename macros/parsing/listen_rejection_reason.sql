{#- The first reason to reject a listen, of what staging has typed: rows with
    `track_id`, `listener_id`, `listened_at`, `landed_at`, `artist`, `title`,
    `raw_line`, `ms_played` and the `cells` as they landed; null if there is none.
    `moment` and `played` are the names of the cells that time and duration come
    from; `own` are (reason, condition) pairs of a source of its own. -#}
{% macro listen_rejection_reason(moment='timestamp', played='ms_played', own=[]) -%}
case
            when raw_line is not null then 'unreadable'
            when cells['is_forgotten'] then 'forgotten'
            {%- for reason, condition in own %}
            when {{ condition }} then '{{ reason }}'
            {%- endfor %}
            when track_id is null then 'track_missing'
            when listener_id is null then 'listener_missing'
            when {{ cleaned("cells['" ~ moment ~ "']") }} is null
                then 'timestamp_missing'
            when listened_at is null then 'timestamp_unreadable'
            when
                listened_at < timestamp '{{ var("earliest_listened_at") }}'
                or listened_at > landed_at + interval 1 day
                then 'timestamp_out_of_range'
            {%- if played %}
            when ms_played is null and {{ cleaned("cells['" ~ played ~ "']") }} is not null
                then 'ms_played_invalid'
            {%- endif %}
            when
                {{ holds_nul(['listener_id', 'track_id', 'artist', 'title']) }}
                then 'text_damaged'
        end
{%- endmacro %}
