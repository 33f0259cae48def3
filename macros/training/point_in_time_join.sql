{#- As-of join: each row of the spine with the newest feature row of its keys at
    or before its moment. Spark SQL has no ASOF JOIN; a union and a window cost
    one shuffle and one sort, however many feature rows a key has. -#}
{% macro point_in_time_join(
    spine, features, keys, columns, spine_at, features_at,
    ttl_s=none, ties=[], strictly_before=false
) -%}
{%- set kept = ([features_at] + ties + columns) | unique | list -%}
{#- At the same moment the one that sorts first is not seen by the other. -#}
{%- set spine_turn, features_turn = (0, 1) if strictly_before else (1, 0) -%}
select
            spine_row.*
        {%- for column in columns %},
            {% if ttl_s is none -%}
            newest.{{ column }}
            {%- else -%}
            case
                when
                    unix_micros(point_in_time) - unix_micros(newest.{{ features_at }})
                    <= {{ ttl_s }} * 1000000L
                    then newest.{{ column }}
            end as {{ column }}
            {%- endif %}
        {%- endfor %}
        from (
            select
                *,
                last_value(feature_row, true) over (
                    partition by {{ keys | join(', ') }}
                    order by
                        point_in_time, turn
                        {%- for column in ties + columns %}, feature_row.{{ column }}{% endfor %}
                    rows between unbounded preceding and current row
                ) as newest
            from (
                select {{ keys | join(', ') }}, {{ spine_at }} as point_in_time,
                    {{ spine_turn }} as turn, struct(*) as spine_row, null as feature_row
                from {{ spine }}
                union all
                select {{ keys | join(', ') }}, {{ features_at }}, {{ features_turn }}, null,
                    struct({{ kept | join(', ') }})
                from {{ features }}
                where {{ keys | join(' is not null and ') }} is not null
                    and {{ features_at }} is not null
            )
        )
        where turn = {{ spine_turn }}
{%- endmacro %}
