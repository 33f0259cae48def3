{#- What one term adds to a text's relevance: Robertson and Zaragoza, "The
    Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.4, with
    k1 = 1.2 and b = 0.75. The weight of the term, ln(1 + (N - n + 0.5) / (n + 0.5)),
    is that of Lucene and tantivy, which never gets negative; the factor k1 + 1 is
    tantivy's. It orders nothing differently. -#}
{% macro bm25(
    term_frequency, document_frequency, document_length, mean_length, document_count
) -%}
ln(
            1 + ({{ document_count }} - {{ document_frequency }} + 0.5D)
            / ({{ document_frequency }} + 0.5D)
        ) * {{ term_frequency }} * 2.2D / (
            {{ term_frequency }}
            + 1.2D * (0.25D + 0.75D * {{ document_length }} / {{ mean_length }})
        )
{%- endmacro %}
