{#- The best of what sources propose: `proposed` (source, track_id, amount, ...) with
    its strength relative to the best of its group and its rank in it, ties by id,
    cut where `sources` says. -#}
{% macro ranked_candidates(group) -%}
ranked as (

    select
        *,
        -- Nothing is strong where even the best has no amount.
        round(coalesce(try_divide(
            amount, max(amount) over (partition by {{ group }})
        ), 0), 9) as strength,
        cast(row_number() over (
            partition by {{ group }}
            order by round(amount, 9) desc, track_id asc
        ) as int) as rank_in_source
    from proposed

),

candidates as (

    select ranked.*
    from ranked
    inner join sources
        on
            ranked.source = sources.source
            and ranked.rank_in_source <= sources.candidates

)
{%- endmacro %}
