{#- What buy-till-you-die models take, from rows of one entity and UTC day:
    frequency (days after the first one), recency (first to last day) and T
    (first day to the day of `as_of`), as lifetimes'
    summary_data_from_transaction_data counts them with freq='D'. -#}
{% macro btyd_measures() -%}
count(*) - 1 as btyd_frequency,
        cast(
            date_diff(max(listened_date), min(listened_date)) as bigint
        ) as btyd_recency,
        cast(date_diff(
            {{ utc_date('any_value(as_of)') }}, min(listened_date)
        ) as bigint) as btyd_t
{%- endmacro %}
