-- One row per term, field and track: the postings of an inverted index.
with

texts as (

    select * from {{ ref('int_tracks_tokenised') }}

),

-- Texts without a term count too, as the engines count them.
collections as (

    select
        field,
        count(*) as document_count,
        sum(size(terms)) / count(*) as mean_length
    from texts
    group by field

),

occurrences as (

    select
        field,
        track_id,
        size(terms) as document_length,
        explode(terms) as term
    from texts

),

counted as (

    select
        term,
        field,
        track_id,
        document_length,
        cast(count(*) as int) as term_frequency,
        count(*) over (partition by term, field) as document_frequency
    from occurrences
    group by term, field, track_id, document_length

),

postings as (

    select
        counted.term,
        counted.field,
        counted.track_id,
        counted.term_frequency,
        counted.document_frequency,
        counted.document_length,
        round({{ bm25(
            'counted.term_frequency',
            'counted.document_frequency',
            'counted.document_length',
            'collections.mean_length',
            'collections.document_count',
        ) }}, 9) as bm25
    from counted
    inner join collections
        on counted.field = collections.field

)

select * from postings
