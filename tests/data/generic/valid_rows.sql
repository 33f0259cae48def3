{% test valid_rows(model, not_null=[], ranges={}, conditions=[]) %}

select *
from (
    select
        {{ broken_rules(not_null, ranges, conditions) }} as broken_rules,
        *
    from {{ model }}
) as judged
where broken_rules != ''

{% endtest %}
