{#- Ranks `scored` (score, track_id, artist_key, ...) within each group by score, ties
    by id, with at most the var `artist_cap` tracks of an artist among the first ten,
    twice as many among the first twenty, and so on. The tracks of an artist are
    taken in turns of that many; a later turn waits for as many tens of tracks of a
    first turn as there were turns before. Who has no known artist is their own.
    Where first turns run out, the others fill the list. -#}
{% macro artist_capped(group) -%}
taken_in_turns as (

    select
        *,
        ceil(row_number() over (
            partition by {{ group }}, coalesce(artist_key, track_id)
            order by score desc, track_id asc
        ) / {{ var('artist_cap') }}) as turn
    from scored

),

placed as (

    select
        *,
        count_if(turn = 1) over (
            partition by {{ group }}
            order by score desc, track_id asc
        ) as first_turns
    from taken_in_turns

),

ranked as (

    select
        *,
        cast(row_number() over (
            partition by {{ group }}
            order by
                if(
                    turn = 1,
                    first_turns,
                    greatest(first_turns, 10 * (turn - 1)) + 0.5
                ) asc,
                score desc,
                track_id asc
        ) as int) as rank
    from placed

)
{%- endmacro %}
