-- One row per track and text of it, cut into the terms it is found by.
with

tracks as (

    select * from {{ ref('dim_tracks') }}

),

letter_folds as (

    select * from {{ ref('letter_folds') }}

),

-- Sorted: what becomes of a letter stands at its own place.
collected as (

    select array_sort(collect_list(struct(letter, folded))) as pairs
    from letter_folds

),

divided as (

    select
        filter(pairs, pair -> length(pair.folded) = 1) as singles,
        filter(pairs, pair -> length(pair.folded) > 1) as ligatures
    from collected

),

folds as (

    select
        divided.ligatures,
        array_join(divided.singles.letter, '') as letters,
        array_join(divided.singles.folded, '') as folded_letters
    from divided

),

texts as (

    select
        track_id,
        stack(3, 'title', title, 'artist', artist, 'genre', genre)
            as (field, content)
    from tracks

),

tokenised as (

    select
        texts.track_id,
        texts.field,
        {{ terms("coalesce(texts.content, '')") }} as terms
    from texts
    cross join folds

)

select * from tokenised
