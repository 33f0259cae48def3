{#- The terms of a text, in order: lower case, accents folded, split at all that
    is no letter, digit or mark. The columns of `folds`, in scope where it is
    used, are the single letters, what each becomes, and the ligatures. -#}
{% macro terms(text) -%}
array_remove(
            split(
                translate(
                    reduce(
                        folds.ligatures,
                        -- Accents that stand behind their letter.
                        regexp_replace(lower({{ text }}), '[\\u0300-\\u036f]', ''),
                        (so_far, ligature) -> replace(
                            so_far, ligature.letter, ligature.folded
                        )
                    ),
                    folds.letters,
                    folds.folded_letters
                ),
                '[^\\p{L}\\p{N}\\p{M}]+'
            ),
            ''
        )
{%- endmacro %}
