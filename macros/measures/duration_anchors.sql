{#- The lengths that stand for all lengths of a group: the smallest, and again the
    smallest of those that are more than the tolerance above the last one. What lies
    between an anchor and the tolerance above it is of that anchor, so two of one
    anchor never differ by more, and the order of rows plays no part: no chains. -#}
{% macro duration_anchors(duration_ms) -%}
reduce(
            array_sort(collect_set({{ duration_ms }})),
            cast(array() as array<bigint>),
            (anchors, ms) -> if(
                ms <= try_element_at(anchors, -1)
                + {{ var('recording_tolerance_ms') }},
                anchors,
                concat(anchors, array(ms))
            )
        )
{%- endmacro %}
