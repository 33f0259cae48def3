{#- One row: how many listeners have recommendations here or there, and of how many the
    first ten, in their order, are others. -#}
{% macro differing_lists(ours, theirs) -%}
with

lists as (

    {%- for relation in (ours, theirs) %}
    select
        listener_id,
        {{ loop.first | lower }} as is_here,
        array_sort(collect_list(struct(rank, track_id))).track_id as tracks
    from {{ relation }}
    where rank <= 10
    group by listener_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

listeners as (

    select
        listener_id,
        count(distinct tracks) = 1 and count(*) = 2 as is_same
    from lists
    group by listener_id

)

select
    count(*) as listeners,
    count_if(not is_same) as changed
from listeners
{%- endmacro %}
